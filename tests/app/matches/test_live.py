"""The live index: saved, loaded, damaged, of another year, and behind by many changes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as change_log
from app.changes import repository as changes
from app.experts.models import ExpertState
from app.main import services
from app.matches.calendar import CHINA
from app.matches.index import fitting
from app.matches.index.live import LiveIndex
from app.matches.models import Pool, StoredModel
from app.scopes import Scope, within
from app.settings import Settings
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


def saved(folder: Path) -> list[Path]:
    return sorted((folder / "indexes").glob("experts-*"))


async def test_a_saved_index_ranks_alike_and_follows_on_from_its_position(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    await live_of(app).save()
    assert [path.suffix for path in saved(own.var_folder)] == [".index", ".position"]
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


DAMAGE: list[tuple[str, Callable[[Path], object]]] = [
    (".index", _cut),
    (".index", _flip),
    (".index", lambda path: path.write_bytes(b"")),
    (".index", Path.unlink),
    (".position", lambda path: path.write_bytes(b"\xff\xfe")),
    (".position", lambda path: path.write_text("null")),
    (".position", lambda path: path.write_text("{}")),
    (".position", lambda path: path.write_text('{"oldest": "soon"}')),
    (".position", Path.unlink),
]


async def test_a_damaged_snapshot_is_made_again(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    for suffix, damage in DAMAGE:
        await live_of(app).save()
        damage(next(path for path in saved(own.var_folder) if path.suffix == suffix))
        async with restarted(app, service_database):
            after = await scenes.match(staff, demand.id)
        assert scores(after) == pytest.approx(scores(before), abs=1e-6)


async def test_a_snapshot_from_a_database_that_was_further_on_is_not_believed(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    await scenes.match(staff, demand.id)
    await live_of(app).save()
    (position,) = [path for path in saved(own.var_folder) if path.suffix == ".position"]
    position.write_text('{"oldest": 4000000000}')
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
    (old, _) = saved(own.var_folder)
    await scenes.expert(session, "新人", "锦纶染色")
    async with within(app.state.sessions, Scope.INDEX).begin() as other:
        await fitting.fit(other, Pool.EXPERTS, None)
    second = await scenes.match(staff, demand.id)
    assert second["index_version"] != first["index_version"]
    assert "新人" in names(second)
    await live_of(app).save()
    assert old not in saved(own.var_folder)
    assert len(saved(own.var_folder)) == 2
    ids = (await session.scalars(select(StoredModel.id))).all()
    assert len(ids) == 2


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
        clock.setattr("app.matches.calendar.now", lambda: new_year)
        assert names(await scenes.match(staff, demand.id)) == ["抢手"]
        async with restarted(app, service_database):
            assert names(await scenes.match(staff, demand.id)) == ["抢手"]
    last_second = datetime(year, 12, 31, 23, 59, 59, tzinfo=CHINA)
    monkeypatch.setattr("app.matches.calendar.now", lambda: last_second)
    assert names(await scenes.match(staff, demand.id)) == []


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
