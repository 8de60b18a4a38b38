"""What the clock does about dockings: it reminds, ends invitations, and hands demands up."""

from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import day_began_at
from app.demands import handovers
from app.demands import repository as demands
from app.dockings import operations, repository
from app.dockings.deadlines import Clock, Due, overdue_since, what_is_due
from app.dockings.following import demands_left, end_with
from app.dockings.models import Docking
from app.one_by_one import attend_to
from app.scopes import Scope, Sessions, within

OVERDUE = "对接逾期未推进"


async def watch(sessions: Sessions, clock: Clock) -> int:
    """Do what is due, each docking in a transaction of its own; how many there were.

    Done twice, or begun again after it was cut off, it does nothing more.
    """
    serving = within(sessions, Scope.SERVICE)
    async with serving.begin() as session:
        waiting = await repository.ids_due(session, clock)

    async def attend(docking_id: UUID) -> bool:
        async with serving.begin() as session:
            return await _attend(session, docking_id, clock)

    count = await attend_to(waiting, attend, what="docking")
    await attend_to(await demands_left(sessions), partial(end_with, sessions), what="demand")
    return count


async def _attend(session: AsyncSession, docking_id: UUID, clock: Clock) -> bool:
    docking = await repository.find(session, docking_id, is_for_update=True)
    due = what_is_due(docking, clock) if docking else None
    if docking is None or due is None:
        return False
    if due is Due.ESCALATE:
        docking.escalated_on = clock.today
        if not await _hand_up(session, docking, clock):
            return False
    elif due is Due.REMIND:
        docking.reminded_on = clock.today
    await operations.note_by_clock(session, docking, due, clock)
    return True


async def _hand_up(session: AsyncSession, docking: Docking, clock: Clock) -> bool:
    """The docking's demand goes up, unless it is at the top, or just went up for another one."""
    demand = await demands.find(session, docking.demand_id, is_for_update=True)
    since = day_began_at(overdue_since(clock))
    if demand is None or await demands.went_up_by_clock(session, demand.id, since):
        return False
    return await handovers.hand_up(session, demand, OVERDUE)
