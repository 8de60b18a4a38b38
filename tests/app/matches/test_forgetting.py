"""What stands in no pool any more leaves vectors, indexes and saved files."""

from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes import operations as changes
from app.experts.models import ExpertState
from app.jobs import queue
from app.matches.index.tasks import MatchingWork
from app.matches.models import Pool, StoredVector
from app.scopes import Scope, within
from app.settings import Settings
from matching import text_key
from matching.columns import string
from tests.app.matches import scenes
from tests.app.matches.scenes import another_process
from tests.people import YIWU, People

TASKS = ("forget_vectors", "rebuild_indexes")


async def forget(app: FastAPI) -> None:
    """The two jobs, by a real worker that shares the application's indexes."""
    work = MatchingWork(sessions=within(app.state.sessions, Scope.INDEX), matcher=app.state.matcher)
    for task in TASKS:
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
    demand = await scenes.demand(session, await people.organization(), title="在用", problem="")
    for key in (text_key("无人再用"), text_key(f"{demand.title}")):
        for is_query in (True, False):
            session.add(StoredVector(encoder="any", is_query=is_query, key=key, vector=b"\0\0\0\0"))
    await session.commit()
    await forget(app)
    left = await session.execute(select(StoredVector.key, StoredVector.is_query))
    assert all(row.key != text_key("无人再用") for row in left)
