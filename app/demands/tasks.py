"""Jobs of demands: what the clock does."""

from procrastinate import JobContext

from app.clock import now
from app.demands.watching import watch
from app.jobs import queue


@queue.periodic(cron="11 * * * *")
@queue.task(name="watch_demands", queueing_lock="watch_demands", pass_context=True)
async def watch_demands(context: JobContext, timestamp: int = 0) -> None:
    """Every hour: hand up what was submitted and not answered in time."""
    shared = context.additional_context
    settings = shared["settings"]
    await watch(
        shared["sessions"],
        now(),
        first_answer_days=settings.first_answer_days,
        escalation_days=settings.escalation_days,
    )
