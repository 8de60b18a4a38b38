"""Jobs of common problems: look for them every night, and when somebody asks."""

from procrastinate import JobContext

from app.jobs import RETRY, queue
from app.matches.index.encoding import MatchingWork
from app.problems.proposing import propose


@queue.periodic(cron="23 1 * * *")
@queue.task(
    name="look_for_common_problems",
    queueing_lock="look_for_common_problems",
    lock="problems",
    pass_context=True,
)
async def look_for_common_problems(context: JobContext, timestamp: int = 0) -> None:
    """Every night; what has not changed stays as it is."""
    await _propose(context)


@queue.task(name="propose_common_problems", retry=RETRY, lock="problems", pass_context=True)
async def propose_common_problems(context: JobContext) -> None:
    """The same, because somebody asked for it."""
    await _propose(context)


async def _propose(context: JobContext) -> None:
    work: MatchingWork = context.additional_context["matching"]
    await propose(context.additional_context["sessions"], work.matcher)
