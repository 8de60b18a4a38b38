"""Jobs of operations: forget the old ones."""

from procrastinate import JobContext

from app.jobs import queue
from app.progress import operations
from app.scopes import Scope, within


@queue.periodic(cron="43 3 * * *")
@queue.task(name="delete_old_operations", queueing_lock="delete_old_operations", pass_context=True)
async def delete_old_operations(context: JobContext, timestamp: int = 0) -> None:
    """Every night; what an import shows stays with the import."""
    sessions = within(context.additional_context["sessions"], Scope.PROGRESS)
    async with sessions.begin() as session:
        await operations.delete_old(session)
