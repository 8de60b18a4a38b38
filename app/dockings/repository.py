"""Every SELECT on dockings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app import queries
from app.demands.models import Demand
from app.demands.workflow import PUBLIC
from app.dockings.deadlines import Clock, overdue_since
from app.dockings.models import Docking, DockingState, DockingStep, Part, Side
from app.dockings.schemas import DockingQuery
from app.dockings.workflow import CLOSED, WITHOUT_RESULT
from app.experts.models import Expert

DUE_AT_ONCE = 1_000

PartT = TypeVar("PartT", bound=Part)


def _dockings() -> Select[Docking]:
    """With demand and expert, which decide who may read them."""
    return (
        select(Docking)
        .join(Docking.demand)
        .join(Docking.expert)
        .options(contains_eager(Docking.demand), contains_eager(Docking.expert))
    )


async def find(
    session: AsyncSession, docking_id: UUID, *, is_for_update: bool = False
) -> Docking | None:
    """The docking; see `queries.find_one`."""
    statement = _dockings().where(Docking.id == docking_id)
    return await queries.find_one(session, statement, Docking, is_for_update=is_for_update)


async def is_expert_erased(session: AsyncSession, docking_id: UUID) -> bool:
    """Whether a docking's expert was erased, as it is now that the docking is held."""
    erased_at = select(Expert.erased_at).join(Docking, Docking.expert_id == Expert.id)
    return await session.scalar(erased_at.where(Docking.id == docking_id)) is not None


async def expert_id_of(session: AsyncSession, docking_id: UUID) -> UUID | None:
    """Whom a docking is about."""
    return await session.scalar(select(Docking.expert_id).where(Docking.id == docking_id))


async def has_open(session: AsyncSession, demand_id: UUID, expert_id: UUID) -> bool:
    """Whether the two are docked already, and it has not ended."""
    one = (Docking.demand_id == demand_id, Docking.expert_id == expert_id)
    return bool(await session.scalar(select(exists().where(*one, Docking.state.not_in(CLOSED)))))


async def open_of_expert(session: AsyncSession, expert_id: UUID) -> Sequence[Docking]:
    """The expert's dockings that have not ended, locked in the order of their ids."""
    is_open = (Docking.expert_id == expert_id, Docking.state.not_in(CLOSED))
    statement = select(Docking).where(*is_open).order_by(Docking.id).with_for_update()
    return (await session.scalars(statement)).all()


async def invited_to(session: AsyncSession, demand_id: UUID) -> dict[UUID, datetime]:
    """By expert when they were invited to the demand, unless that has come to nothing."""
    wanted = (Docking.demand_id == demand_id, Docking.state.not_in(WITHOUT_RESULT))
    statement = select(Docking.expert_id, func.max(Docking.invited_at)).where(*wanted)
    invited = statement.where(Docking.invited_at.is_not(None)).group_by(Docking.expert_id)
    return {row[0]: row[1] for row in await session.execute(invited) if row[1] is not None}


# What was open when its demand left the pool, which may be back by now. An invitation that was
# made since then is of now.
IS_LEFT = or_(
    Demand.state.not_in(PUBLIC),
    func.coalesce(Docking.invited_at, Docking.created_at) < Demand.published_at,
)


async def left_behind(
    session: AsyncSession, demand_id: UUID, states: Collection[DockingState]
) -> Sequence[Docking]:
    """Those in these states that were open when the demand left, locked in the order of their ids.

    Asked with the demand at once: whoever reopens it and begins anew is not taken for before.
    """
    wanted = (Docking.demand_id == demand_id, Docking.state.in_(states), IS_LEFT)
    statement = select(Docking).join(Docking.demand).where(*wanted).order_by(Docking.id)
    return (await session.scalars(statement.with_for_update(of=Docking))).all()


async def demands_with_left(
    session: AsyncSession, states: Collection[DockingState]
) -> Sequence[UUID]:
    """The demands that have any such docking, 1,000 at most: the rest comes with the next hour."""
    statement = select(Docking.demand_id).join(Docking.demand)
    left = statement.where(Docking.state.in_(states), IS_LEFT).distinct().limit(DUE_AT_ONCE)
    return (await session.scalars(left)).all()


async def states_of_demand(session: AsyncSession, demand_id: UUID) -> Collection[DockingState]:
    """In which states its dockings are, but for results in spite of which it was reopened."""
    is_of_before = exists().where(
        DockingStep.docking_id == Docking.id,
        DockingStep.verb == "accept-result",
        DockingStep.created_at < Demand.published_at,
    )
    of_demand = select(Docking.state).join(Docking.demand).where(Docking.demand_id == demand_id)
    return (await session.scalars(of_demand.where(~is_of_before).distinct())).all()


async def ids_due(session: AsyncSession, clock: Clock) -> Sequence[UUID]:
    """Dockings for which the clock may have something to do; see `deadlines.what_is_due`.

    Those that are due longest, 1,000 at most: the rest comes with the next hour.
    """
    last = func.coalesce(Docking.escalated_on, Docking.due_on)
    statement = (
        select(Docking.id)
        .where(Docking.due_on <= clock.today)
        .where(
            Docking.reminded_on.is_(None)
            | (Docking.state == DockingState.INVITED)
            | (last < overdue_since(clock))
        )
        .order_by(Docking.due_on, Docking.id)
        .limit(DUE_AT_ONCE)
    )
    return (await session.scalars(statement)).all()


def listed(query: DockingQuery, readable: ColumnElement[bool]) -> Select[Docking]:
    """Readable dockings that meet the filters."""
    statement = _dockings().where(readable)
    names = ("demand_id", "expert_id", "state")
    statement = statement.where(*queries.equals(Docking, query, names))
    if query.is_open is not None:
        is_closed = Docking.state.in_(CLOSED)
        statement = statement.where(~is_closed if query.is_open else is_closed)
    if query.due_on_lte is not None:
        statement = statement.where(Docking.due_on <= query.due_on_lte)
    return statement


def listed_steps(docking_id: UUID) -> Select[DockingStep]:
    return select(DockingStep).where(DockingStep.docking_id == docking_id)


def parts(table: type[PartT]) -> Select[PartT]:
    """What is kept beside dockings, each with its docking, which decides who may read it."""
    docking = contains_eager(table.docking)
    return (
        select(table)
        .join(table.docking)
        .join(Docking.demand)
        .join(Docking.expert)
        .options(docking.contains_eager(Docking.demand), docking.contains_eager(Docking.expert))
    )


async def find_part(
    session: AsyncSession, table: type[PartT], part_id: UUID, *, is_for_update: bool = False
) -> PartT | None:
    """One of them; see `queries.find_one`."""
    statement = parts(table).where(table.id == part_id)
    return await queries.find_one(session, statement, table, is_for_update=is_for_update)


async def count_parts(
    session: AsyncSession, table: type[Part], docking_id: UUID, side: Side
) -> int:
    """How many of them one side has put beside a docking."""
    statement = select(func.count()).where(table.docking_id == docking_id, table.side == side)
    return await session.scalar(statement) or 0
