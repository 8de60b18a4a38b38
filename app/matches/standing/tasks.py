"""Jobs of standing matching: follow the changes every minute, and the calendar every hour.

Each looks for its own work, so that running it twice, or once too often, changes nothing.
"""

from procrastinate import JobContext

from app.clock import today
from app.jobs import LONG, queue
from app.matches.index.encoding import MatchingWork
from app.matches.limits import limits_of
from app.matches.models import Pool
from app.matches.standing.asked import AskedDemands
from app.matches.standing.calendar import follow_calendar
from app.matches.standing.following import bring_up_to_date
from app.matches.standing.rerunning import Policy
from app.scopes import Scope, within
from app.settings import Settings

# The worker's own; what it holds follows from the database.
ASKED = AskedDemands()


@queue.periodic(cron="* * * * *")
@queue.task(name="rematch", queue=LONG, queueing_lock="rematch", lock="rematch", pass_context=True)
async def rematch(context: JobContext, timestamp: int = 0) -> None:
    """Match again the demands that what has changed concerns."""
    work: MatchingWork = context.additional_context["matching"]
    settings: Settings = context.additional_context["settings"]
    await bring_up_to_date(work, ASKED, Policy.of(settings))


@queue.periodic(cron="7 * * * *")
@queue.task(
    name="rematch_by_calendar",
    queue=LONG,
    queueing_lock="rematch_by_calendar",
    lock="rematch",
    pass_context=True,
)
async def rematch_by_calendar(context: JobContext, timestamp: int = 0) -> None:
    """Who comes back or goes away by the calendar has not changed, but may be matched otherwise."""
    work: MatchingWork = context.additional_context["matching"]
    async with within(work.sessions, Scope.SERVICE).begin() as session:
        index = await work.matcher.indexes[Pool.EXPERTS].refresh(session)
        if index is not None:
            limits = limits_of(context.additional_context["settings"])
            await follow_calendar(session, index, today(), limits)
