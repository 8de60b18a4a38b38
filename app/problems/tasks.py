"""Jobs of common problems: look for them every night, and when somebody asks; forget demands."""

from uuid import UUID

from procrastinate import JobContext

from app.jobs import LONG, RETRY, queue
from app.matches.index.encoding import MatchingWork
from app.problems.proposing import propose
from app.problems.withdrawing import forget_all_withdrawn, forget_withdrawn


@queue.task(
    name="propose_common_problems", queue=LONG, retry=RETRY, lock="problems", pass_context=True
)
async def propose_common_problems(context: JobContext) -> None:
    """Compare what is published; what has not changed stays as it is."""
    work: MatchingWork = context.additional_context["matching"]
    await propose(context.additional_context["sessions"], work.matcher)
    await forget_all_withdrawn(context.additional_context["sessions"])


@queue.task(name="forget_withdrawn_demand", retry=RETRY, pass_context=True)
async def forget_withdrawn_demand(context: JobContext, demand_id: str) -> None:
    """No problem speaks of a demand that has just been withdrawn; nor waits for a comparison."""
    await forget_withdrawn(context.additional_context["sessions"], [UUID(demand_id)])


@queue.periodic(cron="23 1 * * *")
@queue.task(name="look_for_common_problems", queueing_lock="look_for_common_problems")
async def look_for_common_problems(timestamp: int = 0) -> None:
    """The same every night, as a job that is retried: the next one by this clock is a day away."""
    await propose_common_problems.defer_async()
