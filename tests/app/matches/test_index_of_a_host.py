"""One file for the processes of a host: who writes it, who takes it up, and when."""

import asyncio
import json

from fastapi import FastAPI
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import repository as changes
from app.matches.index import snapshots
from app.matches.models import Pool
from app.scopes import Scope, within
from app.settings import Settings
from matching import MatchIndex
from tests.app.matches import scenes
from tests.app.matches.live_index import app, is_mapped, live_of, own, saved
from tests.app.matches.scenes import another_process
from tests.epochs import begin_new_epoch

__all__ = ["app", "own"]  # fixtures


async def test_processes_of_a_host_share_one_file(
    session: AsyncSession, app: FastAPI, own: Settings, service_database: URL
) -> None:
    """One builds it, the others map what it wrote, even if all start at once."""
    await scenes.pool(session)
    async with (
        another_process(own, service_database) as second,
        another_process(own, service_database) as third,
    ):
        lives = [live_of(process) for process in (app, second, third)]
        indexes = await asyncio.gather(*(live.refresh() for live in lives))
        (path,) = saved(own)
        built_at = path.stat().st_mtime_ns
        for index in indexes:
            assert index is not None
            assert is_mapped(index)
        for live in lives:
            await live.share()
        assert [path.stat().st_mtime_ns for path in saved(own)] == [built_at]


async def test_what_one_process_wrote_the_others_take_up(
    session: AsyncSession, app: FastAPI, own: Settings, service_database: URL
) -> None:
    """Much has changed: each holds it apart from the others, until one of them has written it."""
    await scenes.pool(session)
    async with another_process(own, service_database) as other:
        one, two = live_of(app), live_of(other)
        for live in (one, two):
            assert len(await live.refresh() or ()) == 4
        (path,) = saved(own)
        first = path.stat().st_ino
        added = [await scenes.expert(session, f"新{n}", f"锦纶{n}") for n in range(3)]
        for live in (one, two):
            index = await live.refresh()
            assert index is not None
            assert not is_mapped(index)
        await two.share()  # it has written nothing for a while, so that it may
        assert path.stat().st_ino != first
        written = path.stat().st_ino
        added.append(await scenes.expert(session, "更新", "锦纶"))
        for live in (two, one):
            await live.share()
            index = await live.refresh()
            assert index is not None
            assert all(str(expert.id) in index for expert in added)
            assert len(index) == 8
        assert path.stat().st_ino == written


async def test_a_long_transaction_elsewhere_leaves_the_index_mapped(
    session: AsyncSession, app: FastAPI, own: Settings, service_database: URL
) -> None:
    """It holds back every reader's position, but what a file holds is not applied to it again."""
    await scenes.pool(session)
    live = live_of(app)
    await live.refresh()
    async with within(app.state.sessions, Scope.INDEX).begin() as long:
        await changes.own_transaction(long)
        await scenes.expert(session, "新人", "锦纶染色")
        assert len(await live.refresh() or ()) == 5
        await live.save()
        assert is_mapped(live.current or MatchIndex.fit([]))
        async with another_process(own, service_database) as other:
            index = await live_of(other).refresh()
            assert index is not None
            assert is_mapped(index)
            await scenes.expert(session, "后来", "锦纶")
            assert len(await live_of(other).refresh() or ()) == 6


async def test_a_version_is_saved_before_anybody_hears_of_it(
    session: AsyncSession, app: FastAPI, own: Settings, service_database: URL
) -> None:
    live = live_of(app)
    async with (
        another_process(own, service_database) as other,
        within(app.state.sessions, Scope.INDEX).begin() as long,
    ):
        await changes.own_transaction(long)  # from before all that is told below
        await scenes.pool(session)
        await live.refresh()
        sessions = within(other.state.sessions, Scope.INDEX)
        await scenes.expert(session, "新人", "锦纶染色")
        async with sessions.begin() as fitting_session:
            fitted = await live_of(other).fit(fitting_session, None)
            assert fitted is not None
            assert len(saved(own)) == 2  # who starts now still finds the version in force
        file = next(p for p in saved(own) if fitted.version_id.hex in p.name)
        written = file.stat().st_ino
        index = await live.refresh()
        assert index is not None
        assert index.version == fitted.index.version
        assert is_mapped(index)
        assert file.stat().st_ino == written
        await live_of(other).save()
        assert saved(own) == [file]


async def test_new_statistics_wait_for_nobodys_turn_at_the_file(
    session: AsyncSession, app: FastAPI, own: Settings
) -> None:
    """Who has the turn may be waiting for the lock that they hold, of which no database knows."""
    await scenes.pool(session)
    async with (
        snapshots.turn(own.indexes_folder, Pool.EXPERTS),
        within(app.state.sessions, Scope.INDEX).begin() as fitting_session,
    ):
        fitted = await asyncio.wait_for(live_of(app).fit(fitting_session, None), 30)
    assert fitted is not None
    assert saved(own)


async def test_nothing_of_before_a_restore_is_taken_for_what_is(
    session: AsyncSession, app: FastAPI, own: Settings, service_database: URL
) -> None:
    """Neither a file, nor what the process stands at, nor the rebuilds that it has had."""
    await scenes.pool(session)
    live = live_of(app)
    await live.refresh()
    await live.rebuild()
    assert live._standing.obeyed > 0
    await begin_new_epoch(app)
    async with another_process(own, service_database) as other:
        before = live.current
        await live_of(other).refresh()
        (path,) = saved(own)
        await live.share()  # there is a newer file, which is not of this process's epoch
        assert live.current is before
        async with within(app.state.sessions, Scope.INDEX).begin() as fitting_session:
            fitted = await live.fit(fitting_session, None)
            assert fitted is not None
        written = next(p for p in saved(own) if p != path)
        assert json.loads(MatchIndex.load_with_note(written)[1])["obeyed"] == 0
        await live.refresh()
        assert live._standing.position.epoch == live_of(other)._standing.position.epoch
        assert is_mapped(live.current or MatchIndex.fit([]))
        await live.rebuild()
        index = await live_of(other).refresh()
        assert index is not None
        assert index.version == fitted.index.version
        assert live_of(other)._standing.obeyed == live._standing.obeyed > 0
