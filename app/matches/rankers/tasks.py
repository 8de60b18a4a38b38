"""Jobs of rankers: learn from what was judged, every night and when somebody asks."""

from procrastinate import JobContext

from app.jobs import LONG, RETRY, queue
from app.matches.index.encoding import MatchingWork
from app.matches.rankers import training
from app.progress.following import advance


@queue.periodic(cron="41 3 * * *")
@queue.task(
    name="train_nightly",
    queue=LONG,
    queueing_lock="train_nightly",
    lock="ranker",
    pass_context=True,
)
async def train_nightly(context: JobContext, timestamp: int = 0) -> None:
    """Learn a ranker if anything was judged since the last one."""
    work: MatchingWork = context.additional_context["matching"]
    async with work.sessions.begin() as session:
        if await training.is_behind(session):
            await training.train(session)


@queue.task(name="train_ranker", queue=LONG, retry=RETRY, lock="ranker", pass_context=True)
async def train_ranker(context: JobContext) -> None:
    """Learn a ranker because somebody asked for it, who is told how many versions were kept."""
    work: MatchingWork = context.additional_context["matching"]
    async with work.sessions.begin() as session:
        kept = len(await training.train(session))
        await advance(kept, kept)
