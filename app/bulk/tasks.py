"""The job that runs an import."""

from uuid import UUID

from procrastinate import JobContext

from app.bulk.running import RUN_IMPORT, run_import
from app.jobs import RETRY, queue
from app.scopes import Sessions


# Imports wait for each other in the queue, where they can still be cancelled.
@queue.task(name=RUN_IMPORT, lock=RUN_IMPORT, retry=RETRY, pass_context=True)
async def run_import_task(context: JobContext, import_id: str) -> None:
    sessions: Sessions = context.additional_context["sessions"]
    await run_import(sessions, UUID(import_id))
