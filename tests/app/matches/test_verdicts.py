"""Verdicts: kept with what was seen; the latest one decides what the enterprise sees."""

import asyncio
from typing import Any

from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from app.matches.models import Judgment, Match
from tests.app.matches import scenes
from tests.app.matches.scenes import judge
from tests.people import People


async def recommended(client: AsyncClient, demand_id: Any) -> list[str]:
    answer = await client.get(f"/demands/{demand_id}/recommendations")
    assert answer.status_code == 200, answer.text
    return [item["expert"]["name"] for item in answer.json()["items"]]


async def test_a_verdict_against_somebody_needs_its_reason(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    match_id = (await scenes.match(staff, demand.id))["matches"][0]["id"]
    for verdict in ("unsuitable", "rejected"):
        for reason in ("", "   "):
            body = {"verdict": verdict, "reason": reason}
            answer = await staff.post(f"/matches/{match_id}:judge", json=body)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["pointer"] == "/reason"
        assert await judge(staff, match_id, verdict, "方向不符") == 201
    for verdict in ("suitable", "recommended"):
        assert await judge(staff, match_id, verdict) == 201
    assert await judge(staff, match_id, "maybe") == 422


async def test_a_verdict_is_kept_with_the_features_as_shown(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    match_id = run["matches"][1]["id"]
    await judge(staff, match_id, "suitable")
    await judge(staff, match_id, "unsuitable", "偏理论")
    items = (await staff.get(f"/matches/{match_id}/judgments")).json()["items"]
    assert [item["verdict"] for item in items] == ["unsuitable", "suitable"]
    stored = await session.scalar(select(Match).where(Match.rank == 2))
    assert stored is not None
    for item in items:
        assert item["features"] == stored.features
        assert {"lexical", "topic", "passage"} <= set(item["features"])
        assert item["score"] == run["matches"][1]["score"]
        assert (item["rank"], item["index_version"]) == (2, run["index_version"])
    shown = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"][1]
    assert (shown["verdict"], shown["allowed_actions"]) == ("unsuitable", ["judge"])


async def test_the_enterprise_sees_exactly_whom_a_coordinator_recommends(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    staff, enterprise = await people.coordinator(), await people.enterprise(organization)
    run = await scenes.match(staff, demand.id)
    assert await recommended(enterprise, demand.id) == []
    best = run["matches"][0]
    await judge(staff, best["id"], "recommended")
    answer = (await enterprise.get(f"/demands/{demand.id}/recommendations")).json()
    (seen,) = answer["items"]
    assert seen["id"] == best["id"]
    assert (seen["evidence"], seen["allowed_actions"]) == (best["evidence"], [])
    assert "phone" not in str(seen)
    await judge(staff, best["id"], "rejected", "专家婉拒")
    assert await recommended(enterprise, demand.id) == []
    await judge(staff, best["id"], "recommended")
    await judge(staff, best["id"], "suitable")
    assert await recommended(enterprise, demand.id) == []


async def test_over_several_runs_an_expert_is_shown_once_and_the_latest_verdict_counts(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    staff, enterprise = await people.coordinator(), await people.enterprise(organization)
    first, second = [await scenes.match(staff, demand.id) for _ in range(2)]
    for run in (first, second):
        await judge(staff, run["matches"][0]["id"], "recommended")
    assert await recommended(enterprise, demand.id) == ["染整"]
    await judge(staff, second["matches"][0]["id"], "rejected", "专家婉拒")
    assert await recommended(enterprise, demand.id) == []
    await judge(staff, first["matches"][0]["id"], "recommended")
    assert await recommended(enterprise, demand.id) == ["染整"]


async def test_no_other_enterprise_sees_the_recommendations(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    await judge(staff, run["matches"][0]["id"], "recommended")
    path = f"/demands/{demand.id}/recommendations"
    outsiders = [
        (await people.enterprise(), 404),
        (await people.expert(), 404),
        (await people.evaluator(), 403),  # they read the demand's summary
        (await people.coordinator("440100"), 403),
    ]
    for outsider, status in outsiders:
        assert (await outsider.get(path)).status_code == status


async def test_a_withdrawn_demand_is_judged_no_more(people: People, session: AsyncSession) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    await scenes.move(session, demand, DemandState.WITHDRAWN)
    assert await judge(staff, run["matches"][0]["id"], "recommended") == 409
    shown = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"]
    assert {tuple(item["allowed_actions"]) for item in shown} == {()}


async def test_an_old_run_recommends_nobody_who_left_the_pool(
    people: People, session: AsyncSession
) -> None:
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    await staff.post(f"/experts/{pool['染整'].id}:remove", json={"cause": "misconduct"})
    assert await judge(staff, run["matches"][0]["id"], "recommended") == 409
    assert await judge(staff, run["matches"][0]["id"], "rejected", "已出库") == 201


async def test_the_last_place_of_a_year_is_given_away_once(
    people: People, session: AsyncSession
) -> None:
    await scenes.expert(session, "抢手", "锦纶染色", yearly_capacity=2)
    organization = await people.organization()
    staff = [await people.coordinator() for _ in range(4)]
    runs = []
    for number in range(4):
        demand = await scenes.demand(session, organization, title=f"锦纶染色{number}")
        runs.append(await scenes.match(staff[0], demand.id))
    answers = await asyncio.gather(
        *(
            judge(one, run["matches"][0]["id"], "recommended")
            for one, run in zip(staff, runs, strict=True)
        )
    )
    assert sorted(answers) == [201, 201, 409, 409]
    kept = await session.scalars(select(Judgment.verdict))
    assert kept.all() == ["recommended", "recommended"]
    again = answers.index(201)
    match_id = runs[again]["matches"][0]["id"]
    assert await judge(staff[0], match_id, "recommended") == 201, "it holds a place already"
