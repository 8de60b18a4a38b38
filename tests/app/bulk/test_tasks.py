"""The job of an import, run by a real worker on the real queue."""

from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import operations
from app.bulk.kinds import ImportKind
from app.bulk.models import Import
from app.bulk.operations import Upload
from app.encryption.keys import MARK, KeyRing, new_key
from app.encryption.rotation import Rotation, reseal
from app.encryption.sealed import ring, unlock
from app.experts.models import Expert
from app.jobs import ATTEMPTS, queue
from app.organizations.actors import SERVICE
from app.progress import operations as progress
from app.progress.following import end_lost, follow_job
from app.scopes import Scope, Sessions, within
from tests.app.bulk.files import codes, expert, json_lines

UPLOAD = Upload(kind=ImportKind.EXPERTS, filename="a.jsonl", content=json_lines(expert()))


async def work_once(sessions: Sessions) -> None:
    """Run what waits in the queue, as a worker does."""
    await queue.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        additional_context={"sessions": sessions},
        worker_middleware=[follow_job],
    )


async def received(sessions: Sessions) -> Any:
    async with within(sessions, Scope.SERVICE).begin() as session:
        return (await operations.receive(session, SERVICE, UPLOAD)).id


async def test_a_worker_runs_what_was_received(sessions: Sessions, session: AsyncSession) -> None:
    import_id = await received(sessions)
    await work_once(sessions)
    body = await operations.get(session, SERVICE, import_id)
    assert (body.state, body.created_count) == ("done", 1)


async def test_what_waits_for_a_worker_lies_sealed(
    sessions: Sessions, session: AsyncSession
) -> None:
    """And is read by who has the keys, also where they have changed meanwhile."""
    import_id = await received(sessions)
    [stored] = list(await session.scalars(select(Import.content_sealed)))
    assert stored is not None
    assert stored.startswith(MARK.encode())
    assert "林若溪".encode() not in stored
    await session.rollback()
    old, new = ring(), KeyRing.of([new_key()])
    unlock(KeyRing({**new.keys, **old.keys}))
    try:
        assert await reseal(sessions) == Rotation(resealed=1, left=0)
        unlock(new)
        await work_once(sessions)
    finally:
        unlock(old)
    body = await operations.get(session, SERVICE, import_id)
    assert (body.state, body.created_count) == ("done", 1)


async def test_a_file_from_before_files_were_sealed_is_run(
    sessions: Sessions, session: AsyncSession
) -> None:
    import_id = await received(sessions)
    await session.execute(update(Import).values(content_sealed=UPLOAD.content))
    await session.commit()
    await work_once(sessions)
    body = await operations.get(session, SERVICE, import_id)
    assert (body.state, body.created_count) == ("done", 1)


@pytest.mark.parametrize(("attempts", "state"), [(0, "running"), (ATTEMPTS - 1, "failed")])
@pytest.mark.own_database
async def test_a_fault_that_stays_ends_the_import_after_the_last_attempt(
    sessions: Sessions, session: AsyncSession, attempts: int, state: str
) -> None:
    import_id = await received(sessions)
    await session.execute(text("ALTER TABLE imported_rows RENAME TO lost"))
    await session.execute(text(f"UPDATE procrastinate_jobs SET attempts = {attempts}"))
    await session.commit()
    await work_once(sessions)
    await end_lost(sessions)
    body = await operations.get(session, SERVICE, import_id)
    assert body.state == state
    assert codes(body) == ([(None, "", "work_failed")] if state == "failed" else [])
    operation = await progress.get(session, SERVICE, import_id)
    problem = progress.show(operation, "en").problem
    assert (problem.code if problem else None) == ("work_failed" if state == "failed" else None)
    kept = await session.scalar(select(func.count()).where(Import.content_sealed.is_not(None)))
    assert kept == (0 if state == "failed" else 1)


async def test_imports_wait_in_the_queue_for_each_other(
    sessions: Sessions, session: AsyncSession
) -> None:
    """There they can still be cancelled; in a worker they would only wait for the other's lock."""
    first, second = await received(sessions), await received(sessions)
    (job,) = [await queue.job_manager.fetch_job(queues=None, worker_id=await a_worker())]
    assert job is not None
    assert job.task_kwargs == {"import_id": str(first)}
    assert await queue.job_manager.fetch_job(queues=None, worker_id=await a_worker()) is None
    async with within(sessions, Scope.SERVICE).begin() as own:
        await progress.cancel(own, SERVICE, second)
    body = await operations.get(session, SERVICE, second)
    assert (body.state, codes(body)) == ("cancelled", [])
    waiting = select(Import.id).where(Import.content_sealed.is_not(None))
    assert list(await session.scalars(waiting)) == [first]
    assert await session.scalar(select(func.count(Expert.id))) == 0


async def a_worker() -> int:
    return await queue.job_manager.register_worker()
