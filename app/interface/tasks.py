"""Jobs of the interface: forget the answers and counters that matter no more."""

from procrastinate import JobContext

from app.interface import counters, idempotency
from app.jobs import queue
from app.scopes import Scope, within


@queue.periodic(cron="29 * * * *")
@queue.task(name="forget_old_answers", queueing_lock="forget_old_answers", pass_context=True)
async def forget_old_answers(context: JobContext, timestamp: int = 0) -> None:
    """Kept answers hold what the records hold, personal data too, so they go after their day."""
    sessions = within(context.additional_context["sessions"], Scope.RETENTION)
    async with sessions.begin() as session:
        await idempotency.forget_old(session)


@queue.periodic(cron="31 * * * *")
@queue.task(name="forget_old_counters", queueing_lock="forget_old_counters", pass_context=True)
async def forget_old_counters(context: JobContext, timestamp: int = 0) -> None:
    """A counter whose quota is all there again says as much as none."""
    async with context.additional_context["sessions"].begin() as session:
        await session.execute(counters.FORGET)
