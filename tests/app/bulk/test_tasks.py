"""The job of an import, run by a real worker on the real queue."""

import pytest
from procrastinate import JobContext
from procrastinate.jobs import Job
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import operations
from app.bulk.models import ImportKind
from app.bulk.operations import Upload
from app.bulk.tasks import run_import_task
from app.jobs import ATTEMPTS, queue
from app.organizations.access import SERVICE
from app.scopes import Scope, within
from tests.app.bulk.files import Sessions, codes, expert, json_lines

UPLOAD = Upload(kind=ImportKind.EXPERTS, filename="a.jsonl", content=json_lines(expert()))


async def test_a_worker_runs_what_was_received(sessions: Sessions, session: AsyncSession) -> None:
    async with within(sessions, Scope.SERVICE).begin() as own:
        received = await operations.receive(own, SERVICE, UPLOAD)
    await queue.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        additional_context={"sessions": sessions},
    )
    body = await operations.get(session, SERVICE, received.id)
    assert (body.state, body.created_count) == ("done", 1)


@pytest.mark.parametrize(("attempts", "state"), [(0, "running"), (ATTEMPTS - 1, "failed")])
async def test_a_fault_that_stays_ends_the_import_at_the_last_attempt(
    sessions: Sessions, session: AsyncSession, attempts: int, state: str
) -> None:
    async with within(sessions, Scope.SERVICE).begin() as own:
        import_id = (await operations.start(own, SERVICE, UPLOAD)).id
    await session.execute(text("ALTER TABLE imported_rows RENAME TO lost"))
    await session.commit()
    job = Job(
        queue="default", lock=None, queueing_lock=None, task_name="run_import", attempts=attempts
    )
    context = JobContext(
        app=queue,
        job=job,
        start_timestamp=0.0,
        abort_reason=lambda: None,
        additional_context={"sessions": sessions},
    )
    with pytest.raises(ProgrammingError):
        await run_import_task(context, str(import_id))
    body = await operations.get(session, SERVICE, import_id)
    assert body.state == state
    expected = [(None, "", "internal_error")] if state == "failed" else []
    assert codes(body) == expected
