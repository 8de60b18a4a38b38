"""Jobs of teams: a team ends with its demand."""

from procrastinate import JobContext

from app.clock import now
from app.jobs import queue
from app.teams.ending import dissolve_left


@queue.periodic(cron="13 * * * *")
@queue.task(name="dissolve_teams", queueing_lock="dissolve_teams", pass_context=True)
async def dissolve_teams(context: JobContext, timestamp: int = 0) -> None:
    """When a demand has left the pool; by the clock for what that misses."""
    await dissolve_left(context.additional_context["sessions"], now())
