"""What is held on a person: all of it for that person, for others what they may see."""

from typing import Any
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.changes import operations as changes
from app.clock import now
from app.experts import operations as experts
from app.experts import repository as expert_repository
from app.experts.access import is_own
from app.matches import own_reasons
from app.matches.models import Judgment, Match
from app.organizations.actors import Actor
from app.personal_data import repository
from app.personal_data.holdings import HOLDINGS, Holding, Person
from app.personal_data.schemas import PersonalData, Section
from app.scopes import Scope, borrowed

Rows = list[dict[str, Any]]


async def export_own(session: AsyncSession, account: Account) -> PersonalData:
    """The account and, where there is one, its profile."""
    expert = await expert_repository.find_of_account(session, account.id)
    await changes.append(session, "account.exported", account.id, actor_id=account.id)
    person = Person(account_id=account.id, expert_id=expert.id if expert else None)
    return await _export(session, person, None)


async def export_expert(session: AsyncSession, actor: Actor, expert_id: UUID) -> PersonalData:
    """A profile, for its expert, or for staff of the region whom the expert has asked.

    Staff get what they may see without it: of verdicts, those on demands that they carry.
    """
    expert = await experts.get_in_full(session, actor, expert_id)
    await changes.append(session, "expert.exported", expert.id, actor_id=actor.account_id)
    reader = None if is_own(actor, expert) else actor
    return await _export(session, Person(account_id=None, expert_id=expert.id), reader)


async def _export(session: AsyncSession, person: Person, reader: Actor | None) -> PersonalData:
    sections = []
    candidate_id = person.expert_id if reader is None else None
    async with borrowed(session, Scope.SERVICE):  # also what others wrote about the person
        for holding in HOLDINGS:
            if holding.table is Match and candidate_id is not None:
                rows, is_cut = await _own_matches(session, holding, person, candidate_id)
            else:
                rows, is_cut = await repository.rows_about(session, holding, person, reader)
            if holding.table is Judgment and candidate_id is not None:
                rows = [_own_judgment(row) for row in rows]
            if rows:
                sections.append(Section(name=holding.name, rows=rows, is_cut=is_cut))
    return PersonalData(exported_at=now(), sections=sections)


async def _own_matches(
    session: AsyncSession, holding: Holding, person: Person, expert_id: UUID
) -> tuple[Rows, bool]:
    """Where they stood and why, without telling what an enterprise keeps to itself."""
    found, is_cut = await repository.own_matches(session, holding, person)
    [expert] = await expert_repository.find_many(session, [expert_id])
    documents = own_reasons.own_documents(expert)
    rows = await to_thread.run_sync(
        lambda: [own_reasons.for_candidate(row, demand, documents) for row, demand in found]
    )
    return [row | {"features": {}} for row in rows], is_cut


def _own_judgment(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"score": own_reasons.rounded(row["score"]), "features": {}}
