"""What stands in no pool any more leaves vectors, indexes and saved files."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import AnyHttpUrl
from sqlalchemy import URL, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes import operations as changes
from app.experts.models import ExpertState
from app.jobs import queue
from app.matches.index.encoding import MatchingWork
from app.matches.models import Pool, StoredVector
from app.scopes import Scope, within
from app.settings import EncoderKind, Settings
from matching import text_key
from matching.columns import string
from tests.app.matches import scenes
from tests.app.matches.scenes import another_process
from tests.people import YIWU, People

TASKS = ("forget_vectors", "rebuild_indexes")


async def forget(app: FastAPI) -> None:
    """The two jobs."""
    await run(app, *TASKS)


async def run(app: FastAPI, *tasks: str) -> None:
    """Jobs, and all that waits, by a real worker that shares the application's indexes."""
    work = MatchingWork(sessions=within(app.state.sessions, Scope.INDEX), matcher=app.state.matcher)
    for task in tasks:
        await queue.tasks[task].defer_async()
    await queue.run_worker_async(
        wait=False,
        listen_notify=False,
        install_signal_handlers=False,
        additional_context={"matching": work},
    )


def saved(folder: Path) -> bytes:
    """All that the saved indexes hold."""
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


async def test_a_removed_expert_leaves_no_trace_in_the_indexes(
    people: People, session: AsyncSession, settings: Settings, service_database: URL, tmp_path: Path
) -> None:
    own = settings.model_copy(update={"var_folder": tmp_path})
    experts = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    async with (
        another_process(own, service_database) as app,
        another_process(settings, service_database) as other,
    ):
        account = await people.account(Role.COORDINATOR, region_code=YIWU)
        staff = await People(app, session).client(account)
        await scenes.match(staff, demand.id)
        elsewhere = await People(other, session).client(account)
        await scenes.match(elsewhere, demand.id)
        await forget(app)
        gone = experts["染整"]
        assert str(gone.id).encode() in saved(tmp_path)
        gone.state = ExpertState.REMOVED
        await changes.append(session, "expert.removed", gone.id)
        await session.commit()
        await forget(app)
        assert str(gone.id).encode() not in saved(tmp_path)
        assert str(experts["茶叶"].id).encode() in saved(tmp_path)
        written = stamps(tmp_path)
        for process, client in ((app, staff), (other, elsewhere)):
            run = await scenes.match(client, demand.id)
            assert "染整" not in scenes.names(run)
            await process.state.matcher.indexes[Pool.EXPERTS].share()  # as it does twice a second
            index = process.state.matcher.indexes[Pool.EXPERTS].current
            assert len(index) == 3
            [segment] = index.segments
            ids = [string(segment.candidates.ids, row) for row in range(len(segment))]
            assert str(gone.id) not in ids  # nor is the copy there that removal leaves
        for version in settings.indexes_folder.glob("experts-*"):
            if version.name in {path.name for path, _ in written}:
                assert str(gone.id).encode() not in version.read_bytes()
        assert stamps(tmp_path) == written  # made by the worker, and by nobody a second time


def stamps(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_ino) for path in folder.rglob("*.index")}


async def test_vectors_of_living_texts_stay(
    people: People, session: AsyncSession, app: FastAPI
) -> None:
    expert = await scenes.expert(session, "在库", "锦纶染色", evidence=[], title="")
    demand = await scenes.demand(session, await people.organization(), title="在用", problem="")
    for written in (expert.research_directions[0], demand.title, "无人再用"):
        for is_query in (True, False):
            key = text_key(written)
            session.add(StoredVector(encoder="any", is_query=is_query, key=key, vector=b"\0\0\0\0"))
    await session.commit()
    await forget(app)
    left = await session.execute(select(StoredVector.key, StoredVector.is_query))
    assert {(row.key, row.is_query) for row in left} == {
        (text_key("锦纶染色"), False),
        (text_key("在用"), True),
    }


@pytest.fixture
async def guarded(
    settings: Settings, service_database: URL, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    """The application with an encoder that needs consent, which forgetting does not ask."""
    own = settings.model_copy(
        update={
            "var_folder": tmp_path,
            "encoder": EncoderKind.REMOTE,
            "encoder_url": AnyHttpUrl("http://encoder.invalid"),
            "encoder_model": "any",
            "encoder_needs_consent": True,
        }
    )
    async with another_process(own, service_database) as app:
        yield app


@pytest.mark.parametrize("task", ["forget_external_vectors", "rebuild_indexes"])
@pytest.mark.own_database
async def test_what_is_to_be_forgotten_is_tried_again_after_an_error_of_the_database(
    session: AsyncSession, guarded: FastAPI, task: str
) -> None:
    await scenes.pool(session)
    await guarded.state.matcher.prepare()
    await session.execute(text("ALTER TABLE experts RENAME TO away"))
    await session.commit()
    await run(guarded, task)
    await session.execute(text("ALTER TABLE away RENAME TO experts"))
    await session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    await session.commit()
    await run(guarded)
    assert await states(session, task) == ["succeeded"]


async def test_no_index_is_made_anew_beside_a_fit(session: AsyncSession, guarded: FastAPI) -> None:
    await scenes.pool(session)
    await guarded.state.matcher.prepare()
    before = stamps(guarded.state.settings.indexes_folder)
    assert before
    job_of_another_worker = text(
        "WITH other AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id)"
        " INSERT INTO procrastinate_jobs (queue_name, task_name, status, lock, worker_id)"
        " SELECT 'default', 'fit_indexes', 'doing', 'index', id FROM other"
    )
    await session.execute(job_of_another_worker)
    await session.commit()
    await run(guarded, "forget_external_vectors")
    assert await states(session, "forget_external_vectors") == ["succeeded"]
    assert stamps(guarded.state.settings.indexes_folder) == before
    await session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'fit_indexes'"))
    await session.commit()
    await run(guarded)
    assert not stamps(guarded.state.settings.indexes_folder) & before


async def states(session: AsyncSession, task: str) -> Sequence[str]:
    statement = text("SELECT status::text FROM procrastinate_jobs WHERE task_name = :task")
    return (await session.scalars(statement, {"task": task})).all()
