"""What a problem says of a demand that is not published any more: nothing."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import Demand, DemandState
from app.problems import proposing
from app.problems.grouping import Pair
from tests.app.matches.scenes import move
from tests.app.problems import scenes
from tests.people import People

WAYS: dict[str, tuple[str, ...]] = {
    "proposed": (),
    "confirmed": ("confirm",),
    "dismissed": ("dismiss",),
}


@pytest.fixture
async def demands(people: People, session: AsyncSession) -> list[Demand]:
    """Three like ones, of which the first says a word more; among others."""
    await scenes.others(session, people)
    first = await scenes.demand(session, people, "黄变", title="浅色锦纶袜热黄变控制甲厂")
    return [first, *[await scenes.demand(session, people, s) for s in ("黄变二", "黄变")]]


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator()


async def decided(app: FastAPI, staff: AsyncClient, state: str) -> dict[str, Any]:
    await scenes.propose(app)
    problem = await scenes.only(staff)
    for verb in WAYS[state]:
        assert (await scenes.step(staff, problem["id"], verb))[0] == 200
    return await scenes.read(staff, problem["id"])


@pytest.mark.parametrize("state", WAYS)
async def test_it_leaves_with_its_words_at_once(
    app: FastAPI, people: People, demands: list[Demand], staff: AsyncClient, state: str
) -> None:
    before = await decided(app, staff, state)
    gone, *left = demands
    assert scenes.members(before) == {demand.id for demand in demands}
    await scenes.withdraw(app, people, gone)
    after = await scenes.read(staff, before["id"])
    assert (after["state"], after["confirmed_at"]) == (state, before["confirmed_at"])
    assert scenes.members(after) == {demand.id for demand in left}
    assert after["title"] in {demand.title for demand in left}
    assert after["statement"] == "2 家企业提出 2 条相近的技术需求。"
    assert (after["terms"], after["organization_count"]) == ([], 2)
    assert {m["reason"] for m in after["members"]} == {"成员有变，待重新比对"}
    assert "甲厂" not in str(after)
    assert await scenes.listed(staff, text="甲厂") == []
    outside = await people.enterprise(gone.organization)
    assert (await outside.get(f"/common-problems/{before['id']}")).status_code == 404
    await scenes.propose(app)
    again = await scenes.read(staff, before["id"])
    assert (again["state"], scenes.members(again)) == (state, scenes.members(after))
    assert all(member["similarity"] for member in again["members"])
    await scenes.propose(app)
    assert await scenes.only(staff) == again


@pytest.mark.parametrize("state", WAYS)
async def test_what_is_of_one_enterprise_lapses(
    app: FastAPI, people: People, demands: list[Demand], staff: AsyncClient, state: str
) -> None:
    before = await decided(app, staff, state)
    for gone in demands[:2]:
        await scenes.withdraw(app, people, gone)
    after = await scenes.read(staff, before["id"])
    assert (after["state"], after["allowed_actions"]) == ("lapsed", [])
    assert after["title"] == "已失效的共性难题 · Lapsed common problem"
    assert (after["statement"], after["terms"], after["confirmed_at"]) == ("", [], None)
    assert "不足两家企业" in after["state_reason"]
    assert await scenes.listed(await people.evaluator()) == []
    await scenes.propose(app)
    assert await scenes.only(staff) == after


async def test_the_night_finds_what_no_job_was_told_of(
    app: FastAPI, session: AsyncSession, demands: list[Demand], staff: AsyncClient
) -> None:
    confirmed = await decided(app, staff, "confirmed")
    await move(session, demands[0], DemandState.WITHDRAWN)
    await scenes.propose(app)
    after = await scenes.read(staff, confirmed["id"])
    assert demands[0].id not in scenes.members(after)
    assert "甲厂" not in str(after)


async def test_what_is_left_is_not_explained_by_what_was_alike_before(
    app: FastAPI,
    session: AsyncSession,
    demands: list[Demand],
    staff: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that are left may be alike no more, so that no others come in place of the words."""
    problem = await decided(app, staff, "proposed")

    async def compare(*given: Any) -> list[Pair]:
        await move(session, demands[0], DemandState.WITHDRAWN)
        return []

    monkeypatch.setattr(proposing, "find_pairs", compare)
    await scenes.propose(app)
    after = await scenes.read(staff, problem["id"])
    assert (after["state"], after["terms"], after["likeness"]) == ("proposed", [], "similar")
    assert [member["terms"] for member in after["members"]] == [[], []]


async def test_who_writes_the_statement_has_not_written_the_title(
    app: FastAPI, people: People, demands: list[Demand], staff: AsyncClient
) -> None:
    problem = await decided(app, staff, "proposed")
    path = f"/common-problems/{problem['id']}"
    assert (await staff.patch(path, json={"statement": "自拟说明"})).status_code == 200
    for gone in demands[:2]:
        await scenes.withdraw(app, people, gone)
    after = await scenes.read(staff, problem["id"])
    assert after["title"] == "已失效的共性难题 · Lapsed common problem"
    assert after["statement"] == "自拟说明"
