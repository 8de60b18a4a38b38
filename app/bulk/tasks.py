"""The job that runs an import."""

from uuid import UUID

from procrastinate import JobContext

from app.bulk.report import Report, rejected_by
from app.bulk.running import Sessions, fail, run_import
from app.interface.errors import Problem
from app.jobs import ATTEMPTS, RETRY, queue


@queue.task(name="run_import", retry=RETRY, pass_context=True)
async def run_import_task(context: JobContext, import_id: str) -> None:
    """Run it; a fault that stays after the last attempt ends the import as failed."""
    sessions: Sessions = context.additional_context["sessions"]
    try:
        await run_import(sessions, UUID(import_id))
    except Exception:
        if context.job.attempts + 1 >= ATTEMPTS:
            report = Report()
            report.add([rejected_by(None, Problem())])
            await fail(sessions, UUID(import_id), report)
        raise
