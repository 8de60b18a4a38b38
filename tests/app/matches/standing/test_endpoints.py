"""Trying a match, comparing runs, taking one back, what was said before, and the digest."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.demands.models import Demand
from app.experts.models import Expert, ExpertState
from app.matches.models import Match, MatchRun
from tests.app.matches import scenes
from tests.app.matches.scenes import judge, match
from tests.app.matches.standing.following import follower
from tests.people import GUANGZHOU, People

LONG_AGO = "2026-01-05T00:00:00Z"


@pytest.fixture
async def experts(session: AsyncSession) -> dict[str, Expert]:
    return await scenes.pool(session)


@pytest.fixture
async def demand(people: People, session: AsyncSession, experts: object) -> Demand:
    return await scenes.demand(session, await people.organization())


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator()


async def stored(session: AsyncSession) -> tuple[int, int]:
    """How many runs and matches there are."""
    counts = [await session.scalar(select(func.count()).select_from(t)) for t in (MatchRun, Match)]
    await session.commit()
    return counts[0] or 0, counts[1] or 0


async def read(client: AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_dry_run_stores_nothing_and_tells_what_is_other(
    session: AsyncSession, staff: AsyncClient, demand: Demand
) -> None:
    tried = await match(staff, demand.id, dry_run=True)
    assert (tried["is_dry_run"], tried["difference"], await stored(session)) == (True, None, (0, 0))
    run = await match(staff, demand.id)
    assert (run["is_dry_run"], run["difference"], run["previous_id"]) == (False, None, None)
    before = await stored(session)
    await scenes.expert(session, "新人", "锦纶染色；热黄变控制")
    tried = await match(staff, demand.id, dry_run=True)
    assert await stored(session) == before
    assert len(tried["matches"]) == 5
    assert "dry_run" not in tried["parameters"]
    difference = tried["difference"]
    assert difference["with_run_id"] == run["id"] == tried["previous_id"]
    newcomer = next(m["expert"]["id"] for m in tried["matches"] if m["expert"]["name"] == "新人")
    entered = [(m["expert_id"], m["rank_before"], m["why"]) for m in difference["entered"]]
    assert entered == [(newcomer, None, "expert_new")]
    assert {m["why"] for m in difference["moved"]} == {"others"}
    assert difference["left"] == []
    path, key = f"/demands/{demand.id}:match", {"Idempotency-Key": "tried"}
    answers = [await staff.post(path, json={"dry_run": True}, headers=key) for _ in range(2)]
    assert {(a.status_code, "etag" in a.headers) for a in answers} == {(200, False)}
    assert answers[0].json() == answers[1].json()


async def test_any_two_runs_of_a_demand_are_compared(
    people: People, session: AsyncSession, staff: AsyncClient, demand: Demand
) -> None:
    first = await match(staff, demand.id)
    assert (await staff.get(f"/match-runs/{first['id']}/difference")).status_code == 404
    second, third = [await match(staff, demand.id, limit=limit) for limit in (1, 2)]
    path = f"/match-runs/{third['id']}/difference"
    difference = await read(staff, path)
    assert (difference["run_id"], difference["with_run_id"]) == (third["id"], second["id"])
    assert [(m["rank_after"], m["why"]) for m in difference["entered"]] == [(2, "parameters")]
    difference = await read(staff, path, **{"with": first["id"]})
    assert [m["rank_before"] for m in difference["left"]] == [3, 4]
    other = await scenes.demand(session, await people.organization())
    elsewhere = await match(staff, other.id)
    assert (await staff.get(path, params={"with": elsewhere["id"]})).status_code == 409
    assert (await staff.get(path, params={"with": str(uuid4())})).status_code == 404
    stranger = await people.coordinator(GUANGZHOU)
    assert (await stranger.get(path)).status_code == 404
    assert (await (await people.enterprise()).get(path)).status_code == 403


async def test_the_latest_run_is_taken_back_unless_somebody_was_judged(
    people: People, staff: AsyncClient, demand: Demand
) -> None:
    first, second = [await match(staff, demand.id) for _ in range(2)]
    stranger = await people.coordinator(GUANGZHOU)
    assert (await stranger.post(f"/match-runs/{second['id']}:withdraw")).status_code == 404
    assert (await staff.post(f"/match-runs/{first['id']}:withdraw")).status_code == 409
    answer = await staff.post(f"/match-runs/{second['id']}:withdraw")
    assert answer.status_code == 200, answer.text
    me = (await read(staff, "/me"))["id"]
    assert (answer.json()["withdrawn_by_id"], bool(answer.json()["withdrawn_at"])) == (me, True)
    assert await read(staff, f"/match-runs/{second['id']}") == answer.json()
    assert (await staff.post(f"/match-runs/{second['id']}:withdraw")).status_code == 409
    assert len((await read(staff, f"/match-runs/{second['id']}/matches"))["items"]) == 4
    # What comes next follows the one before, which is the latest again.
    third = await match(staff, demand.id)
    assert third["previous_id"] == first["id"]
    assert await judge(staff, third["matches"][0]["id"], "recommended") == 201
    assert (await staff.post(f"/match-runs/{third['id']}:withdraw")).status_code == 409


async def test_nobody_judges_twice(
    people: People, session: AsyncSession, staff: AsyncClient, experts: object
) -> None:
    owner = await people.organization()
    demand = await scenes.demand(session, owner)
    first = await match(staff, demand.id)
    judged = first["matches"][1]
    assert await judge(staff, judged["id"], "unsuitable", "偏理论") == 201
    again = await match(staff, demand.id)
    listed = (await read(staff, f"/match-runs/{again['id']}/matches"))["items"]
    assert listed == again["matches"]
    told = {m["expert"]["name"]: m["earlier_verdict"] for m in listed}
    verdict = told.pop(judged["expert"]["name"])
    assert (verdict["match_id"], verdict["verdict"]) == (judged["id"], "unsuitable")
    assert set(told.values()) == {None}
    own = (await read(staff, f"/match-runs/{first['id']}/matches"))["items"]
    assert {m["earlier_verdict"] for m in own} == {None}
    # An enterprise is not told what was said of anybody before.
    assert await judge(staff, again["matches"][1]["id"], "recommended") == 201
    enterprise = await people.enterprise(owner)
    items = (await read(enterprise, f"/demands/{demand.id}/recommendations"))["items"]
    assert [m["earlier_verdict"] for m in items] == [None]


async def test_the_digest_tells_coordinators_what_is_new(
    app: FastAPI,
    people: People,
    session: AsyncSession,
    staff: AsyncClient,
    demand: Demand,
) -> None:
    run = await match(staff, demand.id, limit=2)
    job = await follower(app)
    assert (await read(staff, "/match-digest", created_at_gte=LONG_AGO))["items"] == [], (
        "asked for by hand"
    )
    standing = await read(staff, f"/demands/{demand.id}/standing-match")
    assert (standing["run_id"], standing["index_version"]) == (run["id"], run["index_version"])
    best = await scenes.expert(session, "新人", "锦纶染色；热黄变控制；超细旦锦纶针织物")
    await job.follow()
    second = (await read(staff, f"/demands/{demand.id}/match-runs"))["items"][0]
    # Before the first run there was none: all who stand there are newcomers.
    page = await read(staff, "/match-digest", created_at_gte=run["created_at"], count="exact")
    assert (page["total"], page["next_cursor"], len(page["items"])) == (1, None, 1)
    item = page["items"][0]
    assert (item["demand"]["id"], item["run_id"]) == (str(demand.id), second["id"])
    assert (item["with_run_id"], item["entered"], item["left"], item["moved"]) == (None, 2, 0, 0)
    item = (await read(staff, "/match-digest", created_at_gte=second["created_at"]))["items"][0]
    assert (item["with_run_id"], item["entered"], item["left"]) == (run["id"], 1, 1)
    matched = (await read(staff, f"/match-runs/{second['id']}/matches"))["items"]
    newcomer = next(m for m in matched if m["expert"]["name"] == "新人")
    assert item["best_newcomer"] == {
        "match_id": newcomer["id"],
        **{name: newcomer[name] for name in ("rank", "score", "expert")},
    }
    best.state = ExpertState.SUSPENDED
    await changes.append(session, "expert.suspended", best.id)
    await session.commit()
    await job.follow()
    item = (await read(staff, "/match-digest", created_at_gte=second["created_at"]))["items"][0]
    assert item["run_id"] != second["id"]
    back_and_forth = (item["entered"], item["left"], item["moved"], item["best_newcomer"])
    assert back_and_forth == (0, 0, 0, None)
    stranger = await people.coordinator(GUANGZHOU)
    assert (await read(stranger, "/match-digest", created_at_gte=LONG_AGO))["items"] == []
    assert len((await read(staff, "/match-digest"))["items"]) == 1, "since yesterday"
