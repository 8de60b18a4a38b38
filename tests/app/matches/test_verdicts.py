"""Verdicts: kept with what was seen; the latest one decides what the enterprise sees."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.clock import today
from app.demands.models import DemandState
from app.experts.models import Expert, ExpertState
from app.matches.index.ranking import Matcher
from app.matches.models import Judgment, Match, MatchRun
from tests.app.matches import scenes
from tests.app.matches.scenes import judge
from tests.locks import Locks
from tests.people import GUANGZHOU, People


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


@pytest.mark.parametrize("what", ["declared", "employer", "member", "absent", "named"])
async def test_an_old_run_recommends_nobody_who_would_not_be_matched_now(
    people: People, session: AsyncSession, what: str
) -> None:
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "染整", "锦纶染色", account_id=account.id)
    enterprise, other = await people.organization(), await people.organization()
    demand = await scenes.demand(session, enterprise)
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id, conflicting_organization_ids=[str(other.id)])
    match_id, day = run["matches"][0]["id"], today().isoformat()
    if what == "declared":
        expert.conflicting_organization_ids = [enterprise.id]
    elif what == "employer":
        expert.organization_name = enterprise.name
    elif what == "member":
        await people.join(account, enterprise)
    elif what == "absent":
        expert.absences = [{"from_on": day, "until_on": day}]
    elif what == "named":
        expert.organization_id = other.id
    await session.commit()
    assert await judge(staff, match_id, "suitable") == 201
    assert await judge(staff, match_id, "recommended") == 409
    assert await recommended(staff, demand.id) == []


async def test_for_a_day_to_come_nobody_is_kept_away_by_today(
    people: People, session: AsyncSession
) -> None:
    expert = await scenes.expert(session, "染整", "锦纶染色")
    demand = await scenes.demand(session, await people.organization())
    staff, later = await people.coordinator(), today() + timedelta(days=30)
    run = await scenes.match(staff, demand.id, on=later.isoformat())
    for day, status in ((later, 409), (today(), 201)):
        expert.absences = [{"from_on": day.isoformat(), "until_on": day.isoformat()}]
        await session.commit()
        assert await judge(staff, run["matches"][0]["id"], "recommended") == status


async def test_a_demand_that_is_being_withdrawn_gets_neither_run_nor_verdict(
    people: People, session: AsyncSession, locks: Locks
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    match_id = run["matches"][0]["id"]
    demand.state = DemandState.WITHDRAWN
    await session.flush()
    asked = [
        asyncio.create_task(judge(staff, match_id, verdict))
        for verdict in ("suitable", "recommended")
    ]
    path = f"/demands/{demand.id}:match"
    asked.append(asyncio.create_task(_status(staff, path)))
    await locks.wait(3)
    await session.commit()
    assert await asyncio.gather(*asked) == [409, 409, 409]
    assert await session.scalar(select(func.count(Judgment.id))) == 0
    assert await session.scalar(select(func.count(MatchRun.id))) == 1


async def test_a_partner_gets_no_run_of_what_was_withdrawn_meanwhile(
    people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not lock the demand reads it once more."""
    await scenes.pool(session)
    demand = await scenes.demand(
        session, await people.organization(), shared_region_codes=[GUANGZHOU]
    )
    partner = await people.coordinator(GUANGZHOU)
    assert await _status(partner, f"/demands/{demand.id}:match") == 201
    rank = Matcher.rank

    async def slow(*given: Any, **options: Any) -> Any:
        ranking = await rank(*given, **options)
        demand.state = DemandState.WITHDRAWN
        await session.commit()
        return ranking

    monkeypatch.setattr(Matcher, "rank", slow)
    assert await _status(partner, f"/demands/{demand.id}:match") == 409
    assert await session.scalar(select(func.count(MatchRun.id))) == 1


async def _status(client: AsyncClient, path: str) -> int:
    return (await client.post(path)).status_code


async def test_who_recommends_and_who_erases_do_not_wait_for_each_other(
    people: People, session: AsyncSession, locks: Locks
) -> None:
    """Erasure has the expert and comes for the matches, while the verdict waits for the expert."""
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    own = select(Match.id).where(Match.expert_id == pool["染整"].id)
    await session.execute(select(Expert.id).where(Expert.id == pool["染整"].id).with_for_update())
    verdict = asyncio.create_task(judge(staff, run["matches"][0]["id"], "recommended"))
    await locks.wait(1)
    assert len((await session.scalars(own.with_for_update(nowait=True))).all()) == 1
    await session.commit()
    assert await verdict == 201


async def test_a_recommendation_of_somebody_suspended_since_is_taken_back(
    people: People, session: AsyncSession
) -> None:
    """Also where the coordinator sees nothing of them any more."""
    expert = await scenes.expert(session, "暂停者", "锦纶染色", region_code=GUANGZHOU)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    [match] = (await scenes.match(staff, demand.id))["matches"]
    assert await judge(staff, match["id"], "recommended") == 201
    expert.state = ExpertState.SUSPENDED
    await session.commit()
    assert await judge(staff, match["id"], "rejected", "已暂停") == 201
    assert await recommended(staff, demand.id) == []


async def test_a_recommendation_holds_no_place_and_needs_one_that_is_free(
    people: People, session: AsyncSession
) -> None:
    expert = await scenes.expert(session, "抢手", "锦纶染色", yearly_capacity=1)
    organization, staff = await people.organization(), await people.coordinator()
    runs = []
    for number in range(3):
        demand = await scenes.demand(session, organization, title=f"锦纶染色{number}")
        runs.append((await scenes.match(staff, demand.id))["matches"][0]["id"])
    for match_id in runs[:2]:
        assert await judge(staff, match_id, "recommended") == 201
    await scenes.invitation(session, expert)
    body = {"verdict": "recommended"}
    refused = await staff.post(f"/matches/{runs[2]}:judge", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert [e["code"] for e in refused.json()["errors"]] == ["resting", "no_capacity"]
    assert "1/1" in refused.json()["errors"][1]["detail"]
