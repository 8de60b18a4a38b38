"""Every SELECT on corps."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload, with_expression

from app import queries
from app.corps.models import Corps, CorpsMember
from app.corps.schemas import CorpsQuery
from app.regions import prefix, prefix_of


def _corps() -> Select[Corps]:
    """With its lead, its members and what its services come to, all as they are now."""
    totals = func.corps_totals(Corps.id, type_=JSONB)
    return (
        select(Corps)
        .options(
            joinedload(Corps.lead_organization),
            selectinload(Corps.members).joinedload(CorpsMember.expert),
            with_expression(Corps.totals, totals),
        )
        .execution_options(populate_existing=True)
    )


async def find(
    session: AsyncSession,
    corps_id: UUID,
    readable: ColumnElement[bool],
    *,
    is_for_update: bool = False,
) -> Corps | None:
    """The corps, where it is readable; see `queries.find_one`."""
    statement = _corps().where(Corps.id == corps_id, readable)
    return await queries.find_one(session, statement, Corps, is_for_update=is_for_update)


def listed(query: CorpsQuery, readable: ColumnElement[bool]) -> Select[Corps]:
    """Readable corps that meet the filters."""
    names = ("state", "level", "kind", "year", "lead_organization_id")
    statement = _corps().where(readable, *queries.equals(Corps, query, names))
    if query.industry is not None:
        statement = statement.where(Corps.industries.contains([query.industry]))
    if query.expert_id is not None:
        statement = statement.where(_has(query.expert_id))
    if query.served_region_code is not None:
        code = func.unnest(Corps.region_codes).column_valued("code")
        wanted = prefix(query.served_region_code)
        statement = statement.where(exists().where(func.starts_with(wanted, prefix_of(code))))
    return statement


async def of_expert(session: AsyncSession, expert_id: UUID) -> Sequence[Corps]:
    """The corps that an expert is in, locked in the order of their ids."""
    statement = select(Corps).where(_has(expert_id)).options(selectinload(Corps.members))
    return (await session.scalars(statement.order_by(Corps.id).with_for_update(of=Corps))).all()


def _has(expert_id: UUID) -> ColumnElement[bool]:
    return exists().where(CorpsMember.corps_id == Corps.id, CorpsMember.expert_id == expert_id)
