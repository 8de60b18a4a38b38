"""Every SELECT on cases."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app import queries
from app.cases.models import Case, CaseParty
from app.cases.schemas import CaseQuery
from app.regions import in_region


def _cases() -> Select[Case]:
    """With whom they tell of; of these experts a reader sees the one that they are."""
    return select(Case).options(selectinload(Case.parties).joinedload(CaseParty.expert))


async def find(session: AsyncSession, case_id: UUID, *, is_for_update: bool = False) -> Case | None:
    """The case; see `queries.find_one`."""
    statement = _cases().where(Case.id == case_id)
    return await queries.find_one(session, statement, Case, is_for_update=is_for_update)


def listed(query: CaseQuery, readable: ColumnElement[bool]) -> Select[Case]:
    """Readable cases that meet the filters, none of which asks for somebody unnamed."""
    statement = _cases().where(readable, *queries.equals(Case, query, ("state",)))
    if query.region_code is not None:
        statement = statement.where(in_region(Case.region_code, query.region_code))
    return statement


async def of_expert(session: AsyncSession, expert_id: UUID) -> Sequence[Case]:
    """The cases that tell of an expert, locked in the order of their ids."""
    is_party = exists().where(CaseParty.case_id == Case.id, CaseParty.expert_id == expert_id)
    statement = select(Case).where(is_party).options(selectinload(Case.parties))
    return (await session.scalars(statement.order_by(Case.id).with_for_update(of=Case))).all()
