"""The live index: saved, loaded, damaged, of another year, shared, and behind by many changes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.changes import operations as change_log
from app.changes import repository as changes
from app.changes.epochs import begin_epoch
from app.clock import CHINA, today
from app.experts.models import ExpertState
from app.main import services
from app.matches.index import fitting, snapshots
from app.matches.index import repository as index_repository
from app.matches.index.live import LiveIndex
from app.matches.index.snapshots import Origin
from app.matches.models import Pool, StoredModel
from app.postgres.cluster import SUPERUSER
from app.scopes import Scope, within
from app.settings import Settings
from matching import IndexModel, MatchIndex
from matching.columns import flatten
from tests.app.matches import scenes
from tests.app.matches.scenes import another_process, names, scores
from tests.people import People


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a folder of this test's own."""
    return settings.model_copy(update={"var_folder": tmp_path})


@pytest.fixture
async def app(own: Settings, service_database: URL) -> AsyncIterator[FastAPI]:
    async with another_process(own, service_database) as app:
        yield app


def live_of(app: FastAPI, pool: Pool = Pool.EXPERTS) -> LiveIndex:
    index: LiveIndex = app.state.matcher.indexes[pool]
    return index


@asynccontextmanager
async def restarted(app: FastAPI, service_database: URL) -> AsyncIterator[LiveIndex]:
    """The same application with nothing in memory and everything on disk, as after a restart."""
    before = app.state.sessions, app.state.matcher
    try:
        async with services(app, service_database):
            yield live_of(app)
    finally:
        app.state.sessions, app.state.matcher = before


def saved(settings: Settings) -> list[Path]:
    return sorted(settings.indexes_folder.glob("experts-*"))


def retold(path: Path, **told: object) -> None:
    """The same index in the same place, which says something else of itself."""
    index, note = MatchIndex.load_with_note(path)
    index.save(path, json.dumps(json.loads(note) | told, sort_keys=True))


async def test_a_saved_index_ranks_alike_and_follows_on_from_its_position(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    await live_of(app).save()
    assert [path.suffix for path in saved(own)] == [".index"]
    await scenes.expert(session, "新人", "锦纶染色；热黄变控制")
    answer = await staff.post(f"/experts/{pool['耐火'].id}:suspend", json={"reason": "x"})
    assert answer.status_code == 200
    # What the file holds is not read from the table again: a change nobody was told of proves it.
    pool["茶叶"].research_directions = ["锦纶染色；热黄变控制；超细旦锦纶针织物"]
    await session.commit()
    async with restarted(app, service_database):
        after = await scenes.match(staff, demand.id)
    assert set(names(after)) == {"染整", "新人", "茶叶", "电机"}
    assert after["index_version"] == before["index_version"]
    tea = next(m for m in after["matches"] if m["expert"]["name"] == "茶叶")
    assert tea["terms"] == []
    # A loaded index is saved again with all it has followed since.
    async with restarted(app, service_database) as live:
        await live.save()
        answer = await staff.post(f"/experts/{pool['耐火'].id}:reinstate")
        assert answer.status_code == 200
    async with restarted(app, service_database):
        assert len(names(await scenes.match(staff, demand.id))) == 5


async def test_a_loaded_index_gives_the_same_scores(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    await live_of(app).save()
    async with restarted(app, service_database):
        after = await scenes.match(staff, demand.id)
    assert names(after) == names(before)
    assert scores(after) == pytest.approx(scores(before), abs=1e-6)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def _unaligned(path: Path) -> None:
    path.write_bytes(b"\0" + path.read_bytes())


def _folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: list[Callable[[Path], object]] = [
    _cut,
    _flip,
    _unaligned,
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"\xff\xfe" * 5_000),
    lambda path: MatchIndex.load(path).save(path, ""),
    lambda path: MatchIndex.load(path).save(path, "null"),
    lambda path: MatchIndex.load(path).save(path, '{"oldest": "soon"}'),
    lambda path: MatchIndex.fit([]).save(path, MatchIndex.load_with_note(path)[1] + " "),
    lambda path: retold(path, epoch="another"),
    lambda path: retold(path, pool="demands"),
    lambda path: retold(path, year=1999),
    lambda path: retold(path, version_id="00000000-0000-0000-0000-000000000000"),
    lambda path: retold(path, oldest=None),
    lambda path: retold(path, seen=None),
    lambda path: retold(path, seen=[[1]]),
    Path.unlink,
    _folder_instead,
]


async def test_a_damaged_or_foreign_snapshot_is_made_again(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    for damage in DAMAGE:
        await live_of(app).save()
        (path,) = saved(own)
        damage(path)
        async with restarted(app, service_database):
            after = await scenes.match(staff, demand.id)
        assert scores(after) == pytest.approx(scores(before), abs=1e-6)
        assert after["index_version"] == before["index_version"]
        if path.is_dir():
            path.rmdir()


async def test_a_snapshot_from_a_database_that_was_further_on_is_not_believed(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    await scenes.match(staff, demand.id)
    await live_of(app).save()
    (path,) = saved(own)
    retold(path, oldest=4_000_000_000)
    await scenes.expert(session, "新人", "锦纶染色")
    async with restarted(app, service_database):
        assert "新人" in names(await scenes.match(staff, demand.id))


async def test_a_new_version_is_taken_up_and_older_snapshots_go(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    first = await scenes.match(staff, demand.id)
    await live_of(app).save()
    (old,) = saved(own)
    await scenes.expert(session, "新人", "锦纶染色")
    async with within(app.state.sessions, Scope.INDEX).begin() as other:
        await fitting.fit(other, Pool.EXPERTS, None, b"", leaving=app.state.matcher.leaving)
    meanwhile = await scenes.match(staff, demand.id)
    assert meanwhile["index_version"] == first["index_version"]  # no match waits for a new one
    assert "新人" in names(meanwhile)
    await live_of(app).share()
    second = await scenes.match(staff, demand.id)
    assert second["index_version"] != first["index_version"]
    assert "新人" in names(second)
    await live_of(app).save()
    assert old not in saved(own)
    assert len(saved(own)) == 1
    ids = (await session.scalars(select(StoredModel.id))).all()
    assert len(ids) == 2


async def test_statistics_of_another_release_are_passed_over(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL
) -> None:
    """Each release reads its own, so that two of them can serve while one replaces the other."""
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    session.add(
        StoredModel(
            pool=Pool.EXPERTS,
            model_version="0" * 16,
            encoder="lsa",
            candidates=4,
            encoded=0,
            format=IndexModel.FORMAT + 1,
            content=b"of tomorrow",
        )
    )
    await session.commit()
    async with restarted(app, service_database):
        after = await scenes.match(staff, demand.id)
    assert after["index_version"] == before["index_version"]


async def test_a_new_year_gives_new_capacities_even_to_a_saved_index(
    people: People,
    session: AsyncSession,
    app: FastAPI,
    service_database: URL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await scenes.expert(session, "抢手", "锦纶染色", yearly_capacity=1)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    assert await scenes.judge(staff, run["matches"][0]["id"], "recommended") == 201
    run = await scenes.match(staff, demand.id)
    assert [e["reason"] for e in run["exclusions"]] == ["no_capacity"]
    await live_of(app).save()
    year = datetime.now(CHINA).year
    new_year = datetime(year + 1, 1, 1, 0, 0, 1, tzinfo=CHINA)
    with monkeypatch.context() as clock:
        clock.setattr("app.clock.now", lambda: new_year)
        assert names(await scenes.match(staff, demand.id)) == ["抢手"]
        async with restarted(app, service_database):
            assert names(await scenes.match(staff, demand.id)) == ["抢手"]
    last_second = datetime(year, 12, 31, 23, 59, 59, tzinfo=CHINA)
    monkeypatch.setattr("app.clock.now", lambda: last_second)
    assert names(await scenes.match(staff, demand.id)) == []


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


def is_mapped(index: MatchIndex) -> bool:
    """Whether all that is large about the index lies in a file."""
    arrays = [array for segment in index.segments for _, array in flatten(segment)]
    return all(not array.size or not array.flags.owndata for array in arrays) and bool(arrays)


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


async def test_a_bad_file_beside_a_running_process_is_passed_over(
    session: AsyncSession, app: FastAPI, own: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await scenes.pool(session)
    live = live_of(app)
    before = await live.refresh()
    (path,) = saved(own)
    bad = path.with_suffix(".bad")
    bad.write_bytes(path.read_bytes()[:-100])
    bad.replace(path)
    for _ in range(3):
        await live.share()
    assert live.current is before
    assert len([r for r in caplog.records if "unusable" in r.message]) == 1
    await scenes.expert(session, "新人", "锦纶染色")
    assert len(await live.refresh() or ()) == 5
    await live.save()
    assert is_mapped(live.current or MatchIndex.fit([]))


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


async def test_a_file_of_before_a_restore_is_no_fault(
    session: AsyncSession, app: FastAPI, own: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await scenes.pool(session)
    await live_of(app).refresh()
    (path,) = saved(own)
    version_id = await index_repository.newest_id(session, Pool.EXPERTS)
    assert version_id is not None
    origin = Origin(epoch="another", pool=Pool.EXPERTS, version_id=version_id, year=today().year)
    assert snapshots.load(own.indexes_folder, origin) is None
    assert [r for r in caplog.records if "index" in r.message and r.levelname == "WARNING"] == []
    path.write_bytes(path.read_bytes()[:-100])
    for _ in range(2):  # before it has waited for its turn, and after
        assert snapshots.load(own.indexes_folder, origin) is None
    assert len([r for r in caplog.records if "unusable" in r.message]) == 1
    assert snapshots.forget_all(own.indexes_folder) == 1
    assert saved(own) == []


async def test_without_a_disk_to_write_to_it_matches_all_the_same(
    people: People, session: AsyncSession, app: FastAPI, own: Settings
) -> None:
    own.indexes_folder.write_text("no folder")
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    assert len(names(await scenes.match(staff, demand.id))) == 4
    await scenes.expert(session, "新人", "锦纶染色")
    await live_of(app).share()
    await live_of(app).save()
    assert len(names(await scenes.match(staff, demand.id))) == 5


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


async def begin_new_epoch(app: FastAPI) -> None:
    """By the owner of the tables, as a restore does."""
    service: AsyncEngine = app.state.sessions.kw["bind"]
    owner = create_async_engine(service.url.set(username=SUPERUSER))
    async with owner.connect() as connection:
        assert await begin_epoch(connection, is_restored=True)
    await owner.dispose()


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


async def test_many_changes_are_followed_batch_by_batch(
    people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    await scenes.match(staff, demand.id)
    monkeypatch.setattr(changes, "BATCH", 3)
    added = [await scenes.expert(session, f"新{n}", f"锦纶{n}") for n in range(7)]
    run = await scenes.match(staff, demand.id)
    assert {f"新{n}" for n in range(7)} <= set(names(run))
    for expert in added:
        path = f"/experts/{expert.id}:suspend"
        assert (await staff.post(path, json={"reason": "x"})).status_code == 200
    assert len(names(await scenes.match(staff, demand.id))) == 4


async def test_the_state_of_the_indexes_is_shown(people: People, session: AsyncSession) -> None:
    await scenes.pool(session)
    staff, administrator = await people.coordinator(), await people.administrator()
    states = {item["pool"]: item for item in (await staff.get("/match-indexes")).json()}
    experts = states["experts"]
    assert (experts["candidates"], experts["pending"], experts["encoder"]) == (4, 0, "lsa")
    assert experts["fitted_at"] is not None
    assert (states["demands"]["candidates"], states["demands"]["index_version"]) == (0, None)
    assert (await staff.post("/match-indexes:refit")).status_code == 403
    assert (await administrator.post("/match-indexes:refit")).status_code == 202


async def test_what_its_reader_has_not_committed_stays_out(
    session: AsyncSession, app: FastAPI
) -> None:
    pool = await scenes.pool(session)
    assert len(await live_of(app).refresh(session) or ()) == 4
    pool["茶叶"].state = ExpertState.SUSPENDED
    await change_log.append(session, "expert.suspended", pool["茶叶"].id)
    assert len(await live_of(app).refresh(session) or ()) == 4
    await session.commit()
    assert len(await live_of(app).refresh(session) or ()) == 3
