"""What the clock does about dockings: it reminds, ends invitations, and hands demands up."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.demands import handovers
from app.demands import repository as demands
from app.dockings import operations, repository
from app.dockings.deadlines import Clock, Due, what_is_due
from app.scopes import Scope, Sessions, within

OVERDUE = "对接逾期未推进"


async def watch(sessions: Sessions, clock: Clock) -> int:
    """Do what is due, each docking in a transaction of its own; how many there were.

    Done twice, or begun again after it was cut off, it does nothing more.
    """
    serving = within(sessions, Scope.SERVICE)
    count = 0
    async with serving.begin() as session:
        waiting = await repository.ids_due(session, clock)
    for docking_id in waiting:
        async with serving.begin() as session:
            count += await _attend(session, docking_id, clock)
    return count


async def _attend(session: AsyncSession, docking_id: UUID, clock: Clock) -> bool:
    docking = await repository.find(session, docking_id, is_for_update=True)
    due = what_is_due(docking, clock) if docking else None
    if docking is None or due is None:
        return False
    if due is Due.ESCALATE:
        docking.escalated_on = clock.today
        demand = await demands.find(session, docking.demand_id, is_for_update=True)
        if demand is None or not await handovers.hand_up(session, demand, OVERDUE):
            return False  # there is no level above
    elif due is Due.REMIND:
        docking.reminded_on = clock.today
    await operations.note_by_clock(session, docking, due, clock)
    return True
