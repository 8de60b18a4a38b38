"""The jobs that run an import, and that follow the names of organizations."""

from uuid import UUID

from procrastinate import JobContext

from app.bulk.renaming import renew_lent_names
from app.bulk.running import RUN_IMPORT, run_import
from app.jobs import RETRY, queue
from app.scopes import Sessions


# Imports wait for each other in the queue, where they can still be cancelled.
@queue.task(name=RUN_IMPORT, lock=RUN_IMPORT, retry=RETRY, pass_context=True)
async def run_import_task(context: JobContext, import_id: str) -> None:
    sessions: Sessions = context.additional_context["sessions"]
    await run_import(sessions, UUID(import_id))


@queue.periodic(cron="37 3 * * *")
@queue.task(name="renew_lent_names", queueing_lock="renew_lent_names", pass_context=True)
async def renew_lent_names_task(context: JobContext, timestamp: int = 0) -> None:
    """After a change of name; every night for what was linked in the same moment."""
    await renew_lent_names(context.additional_context["sessions"])
