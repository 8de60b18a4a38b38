"""What the clock does about demands: one that nobody answers goes to the level above."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import day_began_at, day_of
from app.demands import repository
from app.demands.handovers import hand_up
from app.scopes import Scope, Sessions, within
from app.working_days import shifted

UNANSWERED = "受理逾期未答复"


async def watch(
    sessions: Sessions, moment: datetime, *, first_answer_days: int, escalation_days: int
) -> int:
    """Hand up what was not answered in time, each in a transaction of its own; how many.

    first_answer_days, escalation_days: working days, of the first level and of each one above.
    """
    today = day_of(moment)
    submitted_before = day_began_at(shifted(today, -first_answer_days))
    handed_up_before = day_began_at(shifted(today, -escalation_days))
    serving = within(sessions, Scope.SERVICE)
    count = 0
    async with serving.begin() as session:
        waiting = await repository.ids_unanswered(
            session, submitted_before=submitted_before, handed_up_before=handed_up_before
        )
    for demand_id in waiting:
        async with serving.begin() as session:
            count += await _hand_up(session, demand_id, submitted_before, handed_up_before)
    return count


async def _hand_up(
    session: AsyncSession, demand_id: UUID, submitted_before: datetime, handed_up_before: datetime
) -> bool:
    """The demand goes up, if it still waits now that it is held."""
    demand = await repository.find(session, demand_id, is_for_update=True)
    still = await repository.ids_unanswered(
        session,
        submitted_before=submitted_before,
        handed_up_before=handed_up_before,
        only=demand_id,
    )
    return demand is not None and bool(still) and await hand_up(session, demand, UNANSWERED)
