"""Every SELECT on what is held on a person, and the statements that forget it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    delete,
    exists,
    func,
    inspect,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.models import (
    Account,
    ApiKey,
    Identity,
    PasswordReset,
    RefreshToken,
    SecondFactor,
)
from app.bulk.kinds import ImportKind
from app.bulk.models import Import, ImportedRow
from app.changes.models import Change
from app.database import Base
from app.demands.models import Demand
from app.dockings.batches.models import InvitationBatchItem
from app.dockings.models import Docking
from app.dockings.words import WORDS
from app.encryption.sealed import Sealed, place_of, ring
from app.experts.models import Consent, Evidence, Expert, ExpertContact, ExpertState
from app.interface import idempotency
from app.interface.models import KeptAnswer
from app.matches.models import (
    Judgment,
    Match,
    MatchReview,
    MatchRun,
    ReviewState,
    StandingMatch,
    Trigger,
)
from app.notices.models import Notice
from app.organizations.actors import Actor
from app.organizations.models import (
    Membership,
    MembershipState,
    Organization,
    OrganizationState,
)
from app.personal_data.holdings import HIDDEN, Holding, Person
from app.pools.models import PoolMember
from app.progress.models import Operation
from app.webhooks.models import Webhook, WebhookDelivery

Row = dict[str, Any]

CONTACTS = tuple(f"contact_{name}_sealed" for name in ("name", "phone", "email"))

# What a run says of somebody besides where they stood: why they were kept out, in free text.
FORGET_EXCLUSIONS = text(
    """
    UPDATE match_runs SET
        exclusions = (
            SELECT coalesce(jsonb_agg(
                CASE WHEN item->>'expert_id' = :id THEN item || '{"detail": ""}' ELSE item END
            ), '[]') FROM jsonb_array_elements(exclusions) AS item
        ),
        parameters = jsonb_set(parameters, '{excluded}', (
            SELECT coalesce(jsonb_agg(
                CASE WHEN item->>'expert_id' = :id THEN item || '{"reason": "-"}' ELSE item END
            ), '[]') FROM jsonb_array_elements(parameters->'excluded') AS item
        ))
    WHERE exclusions @> jsonb_build_array(jsonb_build_object('expert_id', CAST(:id AS text)))
       OR parameters->'excluded'
          @> jsonb_build_array(jsonb_build_object('expert_id', CAST(:id AS text)))
    """
)


async def rows_about(
    session: AsyncSession,
    holding: Holding,
    person: Person,
    reader: Actor | None,
    after: Row | None,
    limit: int,
) -> list[Row]:
    """The next rows of one table about a person, the newest first.

    reader: who asks for the person, and sees of it what they may see elsewhere.
    """
    statement = _about(holding, person, after, limit)
    return await _rows(
        session, holding, statement if reader is None else statement.where(holding.seen(reader))
    )


async def own_matches(
    session: AsyncSession, holding: Holding, person: Person, after: Row | None, limit: int
) -> list[tuple[Row, Demand]]:
    """Like `rows_about`, each with what its run was for: retention may delete the run meanwhile."""
    statement = _about(holding, person, after, limit).add_columns(Demand)
    rows = await _rows(session, holding, statement.join(Match.run).join(MatchRun.demand))
    demands = [row.pop(Demand.__name__) for row in rows]
    return list(zip(rows, demands, strict=True))


def _about(holding: Holding, person: Person, after: Row | None, limit: int) -> Select[Any]:
    columns = [c for c in inspect(holding.table).columns if str(c) not in HIDDEN]
    keys = inspect(holding.table).primary_key
    statement = select(*columns).where(holding.about(person))
    if after is not None:
        statement = statement.where(tuple_(*keys) < tuple_(*(after[k.name] for k in keys)))
    return statement.order_by(*(k.desc() for k in keys)).limit(limit)


async def _rows(session: AsyncSession, holding: Holding, statement: Select[Any]) -> list[Row]:
    found = await session.execute(statement)
    return [_opened(holding, dict(row)) for row in found.mappings()]


def _opened(holding: Holding, row: Row) -> Row:
    """The row with its sealed columns in the open."""
    for name in row:
        if isinstance(vars(holding.table).get(name), Sealed):
            row[name] = ring().open(row[name] or "", place_of(holding.name, name, row["id"]))
    return row


async def forget_about_expert(
    session: AsyncSession, expert_id: UUID, named_in: Sequence[UUID]
) -> None:
    """Delete or empty all that other tables say of an expert; ranks and scores stay.

    named_in: further records whose kept answers name them.
    """
    for table in (Evidence, ExpertContact, Consent, PoolMember):
        await _delete(session, table, table.expert_id == expert_id)
    of_rows = (ImportedRow.kind == ImportKind.EXPERTS) & (ImportedRow.record_id == expert_id)
    await _delete(session, ImportedRow, of_rows)
    own = select(Match.id).where(Match.expert_id == expert_id).scalar_subquery()
    await _update(session, Judgment, Judgment.match_id.in_(own), reason="")
    is_open = MatchReview.state == ReviewState.REQUESTED
    await _delete(session, MatchReview, MatchReview.match_id.in_(own) & is_open)
    await _update(session, MatchReview, MatchReview.match_id.in_(own), reason="", answer="")
    await _update(session, Match, Match.expert_id == expert_id, terms=[], evidence=[])
    # Whoever writes beside one has it locked: they are through before it is emptied, or refused.
    dockings = select(Docking.id).where(Docking.expert_id == expert_id).order_by(Docking.id)
    docked = (await session.scalars(dockings.with_for_update())).all()
    for part, emptied in WORDS.items():
        await _update(session, part, part.docking_id.in_(docked), **emptied)
    of_items = InvitationBatchItem.expert_id == expert_id
    await _update(session, InvitationBatchItem, of_items, reasons=[])
    await session.execute(FORGET_EXCLUSIONS, {"id": str(expert_id)})
    # Verdicts and reviews name the match alone.
    matches = await session.scalars(select(Match.id).where(Match.expert_id == expert_id))
    await idempotency.forget_about(session, [expert_id, *matches, *docked, *named_in])


async def forget_about_account(
    session: AsyncSession, account_id: UUID, named_in: Sequence[UUID]
) -> None:
    """Delete an account's ways in, its kept answers, and those about records that named it."""
    for table in (RefreshToken, PasswordReset, ApiKey, SecondFactor, Identity, Notice, Webhook):
        await _delete(session, table, table.account_id == account_id)
    await _delete(session, KeptAnswer, KeptAnswer.principal == account_id)
    await idempotency.forget_about(session, [account_id, *named_in])


async def organizations_of(session: AsyncSession, account_id: UUID) -> Sequence[Organization]:
    """The organizations that the account acts or acted for, locked in the order of their ids.

    Two members of the same ones may be erased at once. Whoever was never approved says of themself
    to whom they belong and what their address is: no contact goes by their word but the one that
    they registered themself, as long as nobody has verified it.
    """
    made, asked, approved = (aliased(Change) for _ in range(3))
    is_approved = exists().where(
        approved.subject_id == Membership.id,
        approved.kind == f"membership.{MembershipState.APPROVED}",
    )
    has_introduced = exists().where(
        asked.subject_id == Membership.id,
        asked.transaction_id == made.transaction_id,
        made.subject_id == Membership.organization_id,
        made.kind == "organization.created",
    )
    members = (
        select(Membership.organization_id)
        .join(Membership.organization)
        .where(
            Membership.account_id == account_id,
            or_(
                Membership.state == MembershipState.APPROVED,
                is_approved,
                has_introduced & (Organization.state != OrganizationState.VERIFIED),
            ),
        )
    )
    statement = select(Organization).where(Organization.id.in_(members)).order_by(Organization.id)
    return (await session.scalars(statement.with_for_update(of=Organization))).all()


async def demands_that_name(
    session: AsyncSession, organization_ids: Sequence[UUID], email: str
) -> Sequence[UUID]:
    """The organizations' demands whose contact has this address.

    They are sealed, so each has to be opened; one after another, since there may be many.
    """
    statement = select(Demand.id, Demand.contact_email_sealed).where(
        Demand.organization_id.in_(organization_ids), Demand.contact_email_sealed != ""
    )
    contacts = await session.stream(statement)
    return [
        demand_id
        async for demand_id, sealed in contacts
        if ring().open(sealed, place_of("demands", "contact_email", demand_id)).lower() == email
    ]


async def lock_demands(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Demand]:
    """The demands, locked in the order of their ids."""
    statement = select(Demand).where(Demand.id.in_(ids)).order_by(Demand.id)
    return (await session.scalars(statement.with_for_update(of=Demand))).all()


async def removed_experts(
    session: AsyncSession, before: datetime, limit: int, *, but: Collection[UUID]
) -> Sequence[Expert]:
    """Experts who left the pool for good before then and were not erased."""
    return (
        await session.scalars(
            select(Expert)
            .where(
                Expert.state == ExpertState.REMOVED,
                Expert.updated_at < before,
                Expert.erased_at.is_(None),
                Expert.id.not_in(but),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()


async def closed_accounts(
    session: AsyncSession, before: datetime, limit: int, *, but: Collection[UUID]
) -> Sequence[Account]:
    """Accounts that were shut before then and were not erased."""
    return (
        await session.scalars(
            select(Account)
            .where(
                Account.is_active.is_(False),
                Account.updated_at < before,
                Account.erased_at.is_(None),
                Account.id.not_in(but),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()


async def delete_ended_tokens(session: AsyncSession, before: datetime) -> None:
    await _delete(session, RefreshToken, RefreshToken.expires_at < before)
    ended = (PasswordReset.used_at < before) | (PasswordReset.expires_at < before)
    await _delete(session, PasswordReset, ended)
    await _delete(session, ApiKey, (ApiKey.revoked_at < before) | (ApiKey.expires_at < before))


async def empty_import_reports(session: AsyncSession, before: datetime) -> None:
    ended = select(Operation.id).where(Operation.finished_at < before)
    is_kept = or_(func.jsonb_array_length(Import.report) > 0, Import.filename != "")
    await _update(session, Import, Import.id.in_(ended) & is_kept, report=[], filename="")


async def empty_rejected_contacts(session: AsyncSession, before: datetime) -> None:
    """Organizations that were never verified keep no contacts."""
    of_rejected = (
        Organization.state.in_((OrganizationState.REGISTERED, OrganizationState.REJECTED))
    ) & (Organization.updated_at < before)
    is_kept = or_(*(getattr(Organization, name) != "" for name in CONTACTS))
    await _update(session, Organization, of_rejected & is_kept, **dict.fromkeys(CONTACTS, ""))


async def delete_read_notices(session: AsyncSession, before: datetime) -> None:
    await _delete(session, Notice, Notice.read_at < before)


async def delete_unread_notices(session: AsyncSession, before: datetime) -> None:
    await _delete(session, Notice, Notice.read_at.is_(None) & (Notice.created_at < before))


async def delete_old_deliveries(session: AsyncSession, before: datetime) -> None:
    await _delete(session, WebhookDelivery, WebhookDelivery.created_at < before)


async def delete_unjudged_runs(session: AsyncSession, before: datetime) -> None:
    """Runs in which nobody was judged and nobody asked for a review, and that do not stand now."""
    await _delete_runs(session, MatchRun.created_at < before)


async def delete_unasked_runs(session: AsyncSession, before: datetime) -> None:
    """Those of them that nobody asked for either, of which there are many."""
    by_hand = MatchRun.trigger == Trigger.BY_HAND
    await _delete_runs(session, (MatchRun.created_at < before) & ~by_hand)


async def _delete_runs(session: AsyncSession, which: ColumnElement[bool]) -> None:
    judged = select(Match.run_id).join(Judgment, Judgment.match_id == Match.id)
    reviewed = select(Match.run_id).join(MatchReview, MatchReview.match_id == Match.id)
    kept = (judged, reviewed, select(StandingMatch.run_id))
    old = select(MatchRun.id).where(which, *(MatchRun.id.not_in(ids) for ids in kept))
    await _delete(session, Match, Match.run_id.in_(old))
    await _delete(session, MatchRun, MatchRun.id.in_(old))


async def _delete(session: AsyncSession, table: type[Base], which: ColumnElement[bool]) -> None:
    await session.execute(delete(table).where(which).execution_options(synchronize_session=False))


async def _update(
    session: AsyncSession, table: type[Base], which: ColumnElement[bool], **values: object
) -> None:
    statement = update(table).where(which).values(values)
    await session.execute(statement.execution_options(synchronize_session=False))
