"""A team is proposed from the match of now, with what each brings; nothing is stored."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import Demand, DemandState
from app.experts.models import Expert
from app.matches.models import MatchRun, Verdict
from tests.app.matches import scenes
from tests.people import GUANGZHOU, JINHUA, ZHEJIANG, People

ASKED = {
    "title": "锦纶染色车间高温窑炉衬里",
    "keywords": ["锦纶染色", "耐火材料", "茶园害虫", "量子通信"],
    "shared_region_codes": [GUANGZHOU],
}


async def propose(staff: AsyncClient, demand: Demand, **body: Any) -> dict[str, Any]:
    answer = await staff.post(f"/demands/{demand.id}:propose-team", json=body or None)
    assert answer.status_code == 200, answer.text
    proposal: dict[str, Any] = answer.json()
    return proposal


def members(proposal: dict[str, Any]) -> list[str]:
    return [member["expert"]["name"] for member in proposal["members"]]


async def test_a_team_covers_what_is_asked_for(people: People, session: AsyncSession) -> None:
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization(), **ASKED)
    staff = await people.coordinator()
    proposal = await propose(staff, demand)
    assert sorted(members(proposal)) == ["染整", "耐火", "茶叶"]
    assert [m["role"] for m in proposal["members"]] == ["chief", "member", "member"]
    assert [m["rank"] for m in proposal["members"]] == sorted(
        m["rank"] for m in proposal["members"]
    )
    assert {a["text"]: a["weight"] for a in proposal["aspects"]} == dict.fromkeys(
        ASKED["keywords"], 3
    )
    assert proposal["uncovered"] == ["量子通信"]
    assert sum(m["gain"] for m in proposal["members"]) == proposal["coverage"] == 0.75
    assert proposal["plain_coverage"] <= proposal["coverage"]
    own = {str(item.id): item.title for item in pool["耐火"].evidence} | {
        str(pool["耐火"].id): "专家简介"
    }
    [shown] = [
        one
        for member in proposal["members"]
        if member["expert"]["name"] == "耐火"
        for one in member["covers"]
    ]
    assert (shown["aspect"], shown["share"]) == ("耐火材料", 1)
    assert own[shown["document_id"]] == shown["title"]
    assert await propose(staff, demand) == proposal
    assert proposal["index_version"]
    small = await propose(staff, demand, size=2)
    assert members(small) == members(proposal)[:2]
    first = await propose(staff, demand, depth=1)
    assert (first["coverage"], first["plain_coverage"]) == (0.25, 0.25)
    assert await session.scalar(select(func.count(MatchRun.id))) == 0


async def test_who_may_not_be_asked_is_no_member(people: People, session: AsyncSession) -> None:
    """By a hard constraint or by a verdict; also for a partner, who reads no verdict."""
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization(), **ASKED)
    staff, partner = await people.coordinator(), await people.coordinator(GUANGZHOU)
    run = await scenes.match(staff, demand.id)
    by_name = {match["expert"]["name"]: match["id"] for match in run["matches"]}
    assert await scenes.judge(staff, by_name["茶叶"], Verdict.REJECTED, "企业不接受") == 201
    assert await scenes.judge(staff, by_name["耐火"], Verdict.UNSUITABLE, "方向不符") == 201
    assert await scenes.judge(staff, by_name["耐火"], Verdict.SUITABLE) == 201
    for reader in (staff, partner):
        proposal = await propose(reader, demand)
        assert sorted(members(proposal)) == ["染整", "耐火"]
        [kept_out] = proposal["exclusions"]
        assert (kept_out["reason"], kept_out["detail"]) == ("excluded", "rejected")
    dyer = (await session.scalars(select(Expert).where(Expert.name == "染整"))).one()
    await scenes.invitation(session, dyer)
    resting = await propose(staff, demand)
    assert members(resting) == ["耐火"]
    assert sorted(e["reason"] for e in resting["exclusions"]) == ["excluded", "resting"]


async def test_an_empty_pool_proposes_nobody(people: People, session: AsyncSession) -> None:
    demand = await scenes.demand(session, await people.organization(), **ASKED)
    proposal = await propose(await people.coordinator(), demand)
    assert (proposal["members"], proposal["coverage"]) == ([], 0)


async def test_who_may_ask_and_for_what(
    client: AsyncClient, people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    demand = await scenes.demand(session, organization, **ASKED)
    path = f"/demands/{demand.id}:propose-team"
    assert (await client.post(path)).status_code == 401
    assert (await (await people.enterprise(organization)).post(path)).status_code == 403
    assert (await (await people.coordinator(JINHUA)).post(path)).status_code == 200
    staff = await people.coordinator(ZHEJIANG)
    for body, pointer in (
        ({"size": 1}, "/size"),
        ({"size": 11}, "/size"),
        ({"depth": 0}, "/depth"),
        ({"depth": 101}, "/depth"),
    ):
        answer = await staff.post(path, json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    await session.execute(update(Demand).values(shared_region_codes=[]))
    await session.commit()
    elsewhere = await people.coordinator(GUANGZHOU)
    assert (await elsewhere.post(path)).status_code == 403  # a published one is seen as a summary
    await scenes.move(session, demand, DemandState.CLOSED)
    refused = await staff.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
