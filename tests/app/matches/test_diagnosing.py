"""What a demand's diagnosis tells, to whom, and that the matcher obeys what is decided on it."""

from typing import Any
from uuid import UUID, uuid4

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import DemandState
from tests.app.matches import scenes
from tests.people import GUANGZHOU, JINHUA, YIWU, People

ENGLISH = {"Accept-Language": "en"}


async def diagnosis(client: AsyncClient, demand_id: UUID | str, **headers: str) -> dict[str, Any]:
    answer = await client.get(f"/demands/{demand_id}/diagnosis", headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_it_tells_what_is_missing_vague_and_meant(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    organization = await people.organization()
    demand = await scenes.demand(
        session,
        organization,
        state=DemandState.DRAFT,
        problem="随着社会的发展，需要耐磨的锦纶袜等。",
        expected_outcome="达到国内领先水平",
    )
    found = await diagnosis(await people.enterprise(organization), demand.id)
    assert 0 < found["completeness"] < 100
    unmet = {item["code"] for item in found["items"] if not item["is_met"]}
    assert {"form", "detailed_problem", "value_in_expected_outcome"} <= unmet
    told = {(r["code"], r["field"], r["text"]) for r in found["missing_indicators"]}
    assert told == {
        ("no_value", "expected_outcome", "达到国内领先水平"),
        ("quality_without_value", "problem", "耐磨"),
    }
    vague = {(r["code"], r["text"]) for r in found["vague_passages"]}
    assert {
        ("boilerplate", "随着社会的发展"),
        ("comparison", "国内领先水平"),
        ("open_list", "等"),
    } <= vague
    texts = [concept["text"] for concept in found["concepts"]]
    assert {"锦纶", "黄变", "定型"} <= set(texts)
    assert len(texts) <= 20
    for concept in found["concepts"]:
        assert (concept["origin"], concept["is_decided"]) == ("extracted", False)
        for place in concept["places"]:
            part = getattr(demand, place["field"])[place["start"] : place["end"]]
            assert part == concept["text"]


async def test_it_speaks_the_readers_language(people: People, session: AsyncSession) -> None:
    demand = await scenes.demand(session, await people.organization(), problem="达到国际先进水平")
    staff = await people.coordinator()
    chinese, english = (
        await diagnosis(staff, demand.id),
        await diagnosis(staff, demand.id, **ENGLISH),
    )
    questions = [d["vague_passages"][0]["question"] for d in (chinese, english)]
    assert questions[0].startswith("与谁相比")
    assert questions[1].startswith("Compared with whom")


async def test_it_is_for_who_may_read_the_demand_in_full(
    people: People, session: AsyncSession, client: AsyncClient
) -> None:
    organization = await people.organization()
    shared = [JINHUA]
    demand = await scenes.demand(session, organization, shared_region_codes=[GUANGZHOU])
    draft = await scenes.demand(session, organization, state=DemandState.DRAFT)
    for reader in (
        await people.enterprise(organization),
        await people.coordinator(YIWU),
        await people.coordinator(shared[0]),
        await people.coordinator(GUANGZHOU),
        await people.administrator(),
    ):
        assert (await reader.get(f"/demands/{demand.id}/diagnosis")).status_code == 200
    cases = [
        (await people.evaluator(), demand.id, 403),
        (await people.coordinator("510100"), demand.id, 403),
        (await people.coordinator("510100"), draft.id, 404),
        (await people.enterprise(), demand.id, 404),
        (await people.expert(), demand.id, 404),
        (await people.administrator(), uuid4(), 404),
        (client, demand.id, 401),
    ]
    for reader, demand_id, status in cases:
        answer = await reader.get(f"/demands/{demand_id}/diagnosis")
        assert answer.status_code == status


async def test_without_any_expert_terms_are_found_all_the_same(
    people: People, session: AsyncSession
) -> None:
    demand = await scenes.demand(session, await people.organization())
    found = await diagnosis(await people.coordinator(), demand.id)
    assert "超细旦锦纶袜浅色黄变" in " ".join(c["text"] for c in found["concepts"])


async def test_what_is_decided_stands_first_and_is_not_suggested_again(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    demand = await scenes.demand(session, organization, state=DemandState.DRAFT)
    enterprise = await people.enterprise(organization)
    before = await diagnosis(enterprise, demand.id)
    chosen = [
        {"text": "黄变", "weight": 3, "origin": "extracted"},
        {"text": "无感控制", "is_must_have": True},
        {"text": "定型", "weight": 0, "origin": "extracted"},
    ]
    patched = await enterprise.patch(f"/demands/{demand.id}", json={"concepts": chosen})
    assert patched.status_code == 200
    after = await diagnosis(enterprise, demand.id)
    assert after["version"] == before["version"] + 1
    told = [(c["text"], c["weight"], c["is_must_have"], c["is_decided"]) for c in after["concepts"]]
    assert told[:3] == [
        ("黄变", 3, False, True),
        ("无感控制", 1, True, True),
        ("定型", 0, False, True),
    ]
    assert [c["text"] for c in after["concepts"]].count("黄变") == 1
    assert not any(c["is_decided"] for c in after["concepts"][3:])
    assert after["concepts"][0]["places"]
    assert after["concepts"][1]["places"] == []


async def test_the_matcher_obeys(people: People, session: AsyncSession) -> None:
    await scenes.pool(session)
    organization, staff = await people.organization(), await people.coordinator()
    stated: dict[str, Any] = {
        "title": "永磁电机与锦纶染色",
        "problem": "",
        "key_indicators": "",
        "expected_outcome": "",
        "keywords": ["永磁电机", "锦纶染色"],
    }

    async def run(*concepts: dict[str, Any]) -> dict[str, Any]:
        usual = {"weight": 1, "is_must_have": False, "origin": "added"}
        given = [usual | concept for concept in concepts]
        demand = await scenes.demand(session, organization, **stated, concepts=given)
        return await scenes.match(staff, demand.id)

    plain = await run()
    motor = await run({"text": "永磁电机", "weight": 3}, {"text": "锦纶染色", "weight": 0})
    dye = await run({"text": "永磁电机", "weight": 0}, {"text": "锦纶染色", "weight": 3})
    assert scenes.names(motor)[0] == "电机"
    assert scenes.names(dye)[0] == "染整"
    gaps = [scenes.scores(r)["电机"] - scenes.scores(r)["染整"] for r in (dye, plain, motor)]
    assert gaps == sorted(gaps)
    assert "锦纶染色" not in {k for m in motor["matches"] for k in m["uncovered_keywords"]}
    tea = await run({"text": "茶园害虫", "is_must_have": True})
    by_name = {m["expert"]["name"]: m for m in tea["matches"]}
    assert "茶园害虫" in by_name["电机"]["uncovered_keywords"]
    assert "茶园害虫" not in by_name["茶叶"]["uncovered_keywords"]
    assert scenes.scores(tea)["茶叶"] > scenes.scores(plain)["茶叶"]


async def test_an_expert_learns_nothing_of_concepts_that_are_not_public(
    people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "甲", "锦纶染色；热黄变", account_id=account.id)
    must = {"text": "石墨烯改性", "weight": 3, "is_must_have": True, "origin": "added"}
    demand = await scenes.demand(session, await people.organization(), concepts=[must])
    run = await scenes.match(await people.coordinator(), demand.id)
    assert "石墨烯改性" in run["matches"][0]["uncovered_keywords"]
    own = await (await people.client(account)).get(f"/experts/{expert.id}/matches")
    assert own.status_code == 200
    assert len(own.json()["items"]) == 1
    assert "石墨烯" not in own.text
    suited = await (await people.client(account)).get(f"/experts/{expert.id}/matching-demands")
    assert "石墨烯" not in suited.text
