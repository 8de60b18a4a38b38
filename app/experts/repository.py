"""Every SELECT on experts, their evidence and contacts."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app import queries
from app.experts.models import Consent, Expert, ExpertContact, Invitation, InvitationState
from app.experts.schemas import ConsentQuery, ExpertFilters, ExpertQuery
from app.reference.codes import branches
from app.regions import in_region
from app.scopes import INDEXED, Scope, borrowed
from app.search import matches_text


async def find(
    session: AsyncSession, expert_id: UUID, *, is_for_update: bool = False
) -> Expert | None:
    """The expert with evidence; see `queries.find`."""
    return await queries.find(
        session,
        Expert,
        expert_id,
        is_for_update=is_for_update,
        options=[selectinload(Expert.evidence)],
    )


async def find_of_account(session: AsyncSession, account_id: UUID) -> Expert | None:
    """The expert, whoever asks."""
    async with borrowed(session, Scope.LOOKUP, str(account_id)):
        return await session.scalar(select(Expert).where(Expert.account_id == account_id))


async def find_by_external_id(session: AsyncSession, external_id: str) -> Expert | None:
    """The expert, whoever asks."""
    async with borrowed(session, Scope.LOOKUP, external_id):
        return await session.scalar(select(Expert).where(Expert.external_id == external_id))


async def find_many(session: AsyncSession, expert_ids: Sequence[UUID]) -> Sequence[Expert]:
    """Those of the ids that exist, with evidence, in no particular order."""
    statement = select(Expert).where(Expert.id.in_(expert_ids))
    return (await session.scalars(statement.options(selectinload(Expert.evidence)))).all()


def listed(query: ExpertQuery, readable: ColumnElement[bool]) -> Select[Expert]:
    """Readable experts that meet the filters."""
    statement = select(Expert).where(readable, *meeting(query)).execution_options(**INDEXED)
    return statement.where(*queries.equals(Expert, query, ("state",)))


def meeting(query: ExpertFilters) -> list[ColumnElement[bool]]:
    """What the filters ask of an expert; without any filter nothing."""
    wanted = queries.equals(Expert, query, ("kind", "country", "organization_id"))
    if query.discipline is not None:
        wanted.append(Expert.disciplines.overlap(branches("disciplines", query.discipline)))
    if query.technology_field is not None:
        wanted.append(Expert.technology_fields.contains([query.technology_field]))
    if query.region_code is not None:
        wanted.append(in_region(Expert.region_code, query.region_code))
    if query.title is not None:
        wanted.append(Expert.title.contains(query.title, autoescape=True))
    if query.text is not None:
        wanted.append(matches_text(Expert.search, query.text))
    return wanted


async def find_contact(session: AsyncSession, expert_id: UUID) -> ExpertContact | None:
    return await session.scalar(select(ExpertContact).where(ExpertContact.expert_id == expert_id))


def listed_consents(expert_id: UUID, query: ConsentQuery) -> Select[Consent]:
    statement = select(Consent).where(Consent.expert_id == expert_id)
    return statement.where(*queries.equals(Consent, query, ("purpose",)))


async def encodable(session: AsyncSession, expert_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Those of the experts whose texts may go to an external encoder."""
    may_leave = Expert.is_external_encoding_allowed
    return (
        await session.scalars(select(Expert.id).where(Expert.id.in_(expert_ids), may_leave))
    ).all()


async def held_people(session: AsyncSession, expert_ids: Collection[UUID]) -> dict[UUID, Expert]:
    """Of the experts whom the scope shows by their ids, locked in the order of these."""
    statement = select(Expert).where(Expert.id.in_(expert_ids)).order_by(Expert.id)
    locking = statement.with_for_update(of=Expert).execution_options(populate_existing=True)
    return {expert.id: expert for expert in await session.scalars(locking)}


async def find_invitation(
    session: AsyncSession, expert_id: UUID, invited_at: datetime
) -> Invitation | None:
    """The expert's invitation of that moment, locked."""
    one = (Invitation.expert_id == expert_id, Invitation.invited_at == invited_at)
    return await session.scalar(select(Invitation).where(*one).with_for_update())


async def invitations_of(
    session: AsyncSession, expert_ids: Sequence[UUID], *, since: datetime
) -> Mapping[UUID, Sequence[Invitation]]:
    """Each expert's invitations since then, wherever they came from, but those taken back.

    Ask it in the scope of the index.
    """
    found: dict[UUID, list[Invitation]] = defaultdict(list)
    counts = (Invitation.invited_at >= since, Invitation.state != InvitationState.TAKEN_BACK)
    wanted = (Invitation.expert_id.in_(expert_ids), *counts)
    for invitation in await session.scalars(select(Invitation).where(*wanted)):
        found[invitation.expert_id].append(invitation)
    return found
