"""Jobs of dockings: what the clock does."""

from procrastinate import JobContext

from app.clock import now
from app.dockings.deadlines import Clock
from app.dockings.watching import watch
from app.jobs import RETRY, queue


@queue.periodic(cron="7 * * * *")
@queue.task(name="watch_dockings", queueing_lock="watch_dockings", retry=RETRY, pass_context=True)
async def watch_dockings(context: JobContext, timestamp: int = 0) -> None:
    """Every hour: remind of what is due, end invitations, hand up what is overdue."""
    shared = context.additional_context
    await watch(shared["sessions"], Clock.at(now(), shared["settings"]))
