"""Every SELECT on demands."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import queries
from app.demands.access import CARRIED_BY
from app.demands.models import Demand, Handover
from app.demands.schemas import DemandQuery
from app.demands.workflow import UNDER_REVIEW
from app.reference.codes import branches
from app.regions import COUNTRY, in_region
from app.scopes import INDEXED, Scope, borrowed
from app.search import matches_text

WAITING_AT_ONCE = 1_000
EQUALS = ("state", "organization_id", "technology_field", "is_open_bid")


async def find(
    session: AsyncSession, demand_id: UUID, *, is_for_update: bool = False
) -> Demand | None:
    """The demand with its organization; see `queries.find`."""
    return await queries.find(session, Demand, demand_id, is_for_update=is_for_update)


async def is_taken(session: AsyncSession, external_id: str) -> bool:
    """Whether any demand has this external id, readable or not."""
    async with borrowed(session, Scope.LOOKUP, external_id):
        taken = select(Demand.id).where(Demand.external_id == external_id)
        return await session.scalar(taken) is not None


async def find_many(session: AsyncSession, demand_ids: Sequence[UUID]) -> Sequence[Demand]:
    """Those of the ids that exist, with organizations, in no particular order."""
    return (await session.scalars(select(Demand).where(Demand.id.in_(demand_ids)))).all()


def listed(query: DemandQuery, readable: ColumnElement[bool]) -> Select[Demand]:
    """Readable demands that meet the filters."""
    statement = select(Demand).where(readable).execution_options(**INDEXED)
    statement = statement.where(*queries.equals(Demand, query, EQUALS))
    if query.industry_code is not None:
        parts = branches("industries", query.industry_code)
        statement = statement.where(Demand.industry_code.in_(parts))
    if query.discipline is not None:
        statement = statement.where(
            Demand.discipline.in_(branches("disciplines", query.discipline))
        )
    if query.region_code is not None:
        statement = statement.where(in_region(Demand.region_code, query.region_code))
    if query.created_at_gte is not None:
        statement = statement.where(Demand.created_at >= query.created_at_gte)
    if query.text is not None:
        statement = statement.where(matches_text(Demand.search, query.text))
    return statement


def listed_handovers(demand_id: UUID) -> Select[Handover]:
    return select(Handover).where(Handover.demand_id == demand_id)


async def went_up_by_clock(session: AsyncSession, demand_id: UUID, since: datetime) -> bool:
    """Whether the clock has handed the demand up since then."""
    by_clock = (Handover.demand_id == demand_id, Handover.account_id.is_(None))
    latest = exists().where(*by_clock, Handover.created_at >= since)
    return bool(await session.scalar(select(latest)))


async def ids_unanswered(
    session: AsyncSession,
    *,
    submitted_before: datetime,
    handed_up_before: datetime,
    only: UUID | None = None,
) -> Sequence[UUID]:
    """Demands under review that the clock has to hand up, oldest first, 1,000 at most.

    Those submitted before the one moment, and of them those that it has handed up already, if that
    was before the other. What has no level above waits for people: a thousand of these would keep
    it from all others for ever.
    """
    by_clock = (
        select(func.max(Handover.created_at))
        .where(Handover.demand_id == Demand.id, Handover.account_id.is_(None))
        .where(Handover.created_at >= Demand.submitted_at)
        .scalar_subquery()
    )
    statement = (
        select(Demand.id)
        .where(Demand.state.in_(UNDER_REVIEW), Demand.submitted_at < submitted_before)
        .where(by_clock.is_(None) | (by_clock < handed_up_before))
        .where(CARRIED_BY != COUNTRY)  # nor is that true of none
        .order_by(Demand.submitted_at, Demand.id)
        .limit(WAITING_AT_ONCE)
    )
    if only is not None:
        statement = statement.where(Demand.id == only)
    return (await session.scalars(statement)).all()
