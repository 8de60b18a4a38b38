"""The live index follows: new statistics, another year, many changes, what is committed alone."""

from datetime import datetime

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as change_log
from app.changes import repository as changes
from app.clock import CHINA
from app.experts.models import ExpertState
from app.matches.index import fitting
from app.matches.models import Pool, StoredModel
from app.scopes import Scope, within
from app.settings import Settings
from matching import IndexModel
from tests.app.matches import scenes
from tests.app.matches.live_index import app, live_of, own, restarted, saved
from tests.app.matches.scenes import names
from tests.people import People

__all__ = ["app", "own"]  # fixtures


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
    expert = await scenes.expert(session, "抢手", "锦纶染色", yearly_capacity=1)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    year = datetime.now(CHINA).year
    spring = datetime(year, 3, 1, tzinfo=CHINA)
    await scenes.invitation(session, expert, datetime.now(CHINA) - spring)
    run = await scenes.match(staff, demand.id, on=f"{year}-12-01")
    assert [e["reason"] for e in run["exclusions"]] == ["no_capacity"]
    await live_of(app).save()
    before = live_of(app).current
    new_year = datetime(year + 1, 1, 1, 0, 0, 1, tzinfo=CHINA)
    with monkeypatch.context() as clock:
        clock.setattr("app.clock.now", lambda: new_year)
        assert names(await scenes.match(staff, demand.id)) == ["抢手"]
        assert live_of(app).current is before, "a new day makes no new index"
        async with restarted(app, service_database):
            assert names(await scenes.match(staff, demand.id)) == ["抢手"]
    last_second = datetime(year, 12, 31, 23, 59, 59, tzinfo=CHINA)
    monkeypatch.setattr("app.clock.now", lambda: last_second)
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
