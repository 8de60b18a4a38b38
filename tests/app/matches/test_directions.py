"""Matching backwards and sideways: demands for an expert, like demands, achievements."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import DemandState
from app.experts.models import ExpertState
from tests.app.matches import scenes
from tests.people import GUANGZHOU, YIWU, People


async def titles(client: AsyncClient, path: str) -> list[str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return [item["demand"]["title"] for item in answer.json()]


async def test_demands_for_an_expert_who_asks_and_for_staff(
    people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    organization = await people.organization()
    expert = await scenes.expert(session, "甲", "锦纶染色；热黄变", account_id=account.id)
    await scenes.demand(session, organization, title="锦纶袜黄变")
    await scenes.demand(session, organization, title="茶园害虫", problem="", key_indicators="")
    await scenes.demand(session, organization, title="锦纶草稿", state=DemandState.DRAFT)
    path = f"/experts/{expert.id}/matching-demands"
    for reader in (await people.client(account), await people.coordinator(GUANGZHOU)):
        assert await titles(reader, path) == ["锦纶袜黄变", "茶园害虫"]
    others = [
        (await people.expert(), 404),
        (await people.enterprise(organization), 404),
        (await people.evaluator(), 403),
    ]
    for other, status in others:
        assert (await other.get(path)).status_code == status


async def test_not_the_demands_of_organizations_in_conflict(
    people: People, session: AsyncSession
) -> None:
    own, family, owned, other = [await people.organization() for _ in range(4)]
    expert = await scenes.expert(
        session,
        "甲",
        "锦纶染色",
        organization_id=own.id,
        conflicting_organization_ids=[family.id],
        declared_conflicts=[{"organization_id": str(owned.id), "kind": "co_owner"}],
    )
    for number, organization in enumerate((own, family, owned, other)):
        await scenes.demand(session, organization, title=f"锦纶{number}")
    found = await titles(await people.administrator(), f"/experts/{expert.id}/matching-demands")
    assert found == ["锦纶3"]


@pytest.mark.parametrize("state", [ExpertState.DRAFT, ExpertState.IN_POOL])
async def test_an_expert_learns_of_no_demand_whose_it_is(
    people: People, session: AsyncSession, state: ExpertState
) -> None:
    """What is missing tells it; so only what staff have confirmed of an expert counts for them."""
    own, guessed, named = [await people.organization() for _ in range(3)]
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(
        session,
        "甲",
        "锦纶染色",
        state=state,
        account_id=account.id,
        organization_id=own.id,
        organization_name=own.name,
        conflicting_organization_ids=[guessed.id],
    )
    for number, organization in enumerate((own, guessed, named)):
        await scenes.demand(session, organization, title=f"锦纶{number}")
    path = f"/experts/{expert.id}/matching-demands"
    seen = sorted(await titles(await people.client(account), path))
    assert seen == ["锦纶0", "锦纶1", "锦纶2"][state is ExpertState.IN_POOL :]
    if state is ExpertState.DRAFT:
        await people.join(account, own)
        assert sorted(await titles(await people.client(account), path)) == ["锦纶1", "锦纶2"]


async def test_staff_learn_of_no_demand_whose_it_is(people: People, session: AsyncSession) -> None:
    """They may enter experts with any employer; what is missing would tell whose it is."""
    far = await people.organization()
    near = await people.organization(region_code=GUANGZHOU)
    await scenes.demand(session, far, title="锦纶0")
    await scenes.demand(session, far, title="锦纶1", shared_region_codes=[GUANGZHOU])
    await scenes.demand(session, near, title="锦纶2", region_code=GUANGZHOU)
    await scenes.demand(session, await people.organization(), title="锦纶3")
    spy, staff = await people.coordinator(GUANGZHOU), await people.administrator()
    draft = {"name": "甲", "title": "教授", "research_directions": ["锦纶"]}
    for said in (
        {"organization_id": str(far.id), "conflicting_organization_ids": [str(near.id)]},
        {"organization_name": far.name, "conflicting_organization_ids": [str(near.id)]},
        {"conflicting_organization_ids": [str(far.id), str(near.id)]},
    ):
        entered = await spy.post("/experts", json=draft | said)
        assert entered.status_code == 201, entered.text
        path = f"/experts/{entered.json()['id']}"
        assert sorted(await titles(spy, f"{path}/matching-demands")) == ["锦纶0", "锦纶3"]
        assert await titles(spy, f"{path}/matching-demands?limit=1") in (["锦纶0"], ["锦纶3"])
        assert await titles(staff, f"{path}/matching-demands") == ["锦纶3"]


async def test_the_words_of_a_full_text_stay_with_those_entitled(
    people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    own, theirs = await people.organization(), await people.organization(region_code=GUANGZHOU)
    expert = await scenes.expert(session, "甲", "锦纶染色；退货率；缩水", account_id=account.id)
    foreign = await scenes.demand(
        session,
        theirs,
        title="锦纶袜",
        public_summary="",
        keywords=["锦纶"],
        problem="退货率高，缩水严重",
        region_code=GUANGZHOU,
    )
    probe = await scenes.demand(
        session,
        own,
        title="锦纶袜",
        problem="退货率高，缩水严重",
        keywords=["退货率", "缩水", "锦纶", "量子"],
        state=DemandState.DRAFT,
    )
    searches = [
        (await people.client(account), f"/experts/{expert.id}/matching-demands"),
        (await people.coordinator(YIWU), f"/experts/{expert.id}/matching-demands"),
        (await people.coordinator(YIWU), f"/demands/{probe.id}/similar-demands"),
    ]
    for reader, path in searches:
        (item,) = (await reader.get(path)).json()
        shown: list[Any] = [item["terms"], [e["terms"] for e in item["evidence"]], item["demand"]]
        assert "退货" not in str(shown)
        assert "缩水" not in str(shown)
        assert set(item["demand"]) >= {"title", "public_summary"}
        assert "problem" not in item["demand"]
        if "similar" in path:
            assert item["uncovered_keywords"] == ["退货率", "缩水", "量子"]
    assert item["demand"]["id"] == str(foreign.id)


async def test_no_score_tells_what_stands_in_a_full_text(
    people: People, session: AsyncSession
) -> None:
    """Two demands that differ only in what their readers may not know stand level."""
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "甲", "镓铟锡液态金属", account_id=account.id)
    for problem in ("镓铟锡液态金属泄漏", "包装破损"):
        organization = await people.organization(region_code=GUANGZHOU)
        await scenes.demand(session, organization, title="散热膏", problem=problem)
    reader = await people.client(account)
    found = (await reader.get(f"/experts/{expert.id}/matching-demands")).json()
    assert len(found) == 2
    assert found[0]["score"] == found[1]["score"]
    assert found[0]["contributions"][0] == found[1]["contributions"][0]


async def test_similar_demands_are_published_ones_without_itself(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    asked = await scenes.demand(session, organization, title="锦纶袜黄变")
    await scenes.demand(session, organization, title="锦纶布黄变")
    await scenes.demand(session, organization, title="锦纶线黄变", state=DemandState.WITHDRAWN)
    path = f"/demands/{asked.id}/similar-demands"
    assert await titles(await people.coordinator(), path) == ["锦纶布黄变"]
    assert (await (await people.enterprise(organization)).get(path)).status_code == 403
    assert (await (await people.coordinator(GUANGZHOU)).get(path)).status_code == 403


async def test_achievements_for_a_demand(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    await scenes.achievement(session, "茶园监测", "害虫图像识别")
    best = await scenes.achievement(session, "锦纶抗黄变助剂", "降低热黄变的前处理助剂")
    path = f"/demands/{demand.id}/matching-achievements"
    for reader in (await people.enterprise(organization), await people.coordinator()):
        items = (await reader.get(path)).json()
        assert [i["achievement"]["name"] for i in items] == ["锦纶抗黄变助剂", "茶园监测"]
        assert items[0]["achievement"]["id"] == str(best.id)
        for item in items:
            total = sum(c["value"] for c in item["contributions"])
            assert abs(total - item["score"]) < 1e-6
    others = [
        (await people.enterprise(), 404),
        (await people.expert(), 404),
        (await people.evaluator(), 403),
        (await people.coordinator(GUANGZHOU), 403),
    ]
    for other, status in others:
        assert (await other.get(path)).status_code == status


async def test_a_secret_draft_is_compared_with_nothing(
    people: People, session: AsyncSession
) -> None:
    secret = await scenes.demand(
        session, await people.organization(), state=DemandState.DRAFT, is_confidential=True
    )
    staff = await people.coordinator()
    for way in ("similar-demands", "matching-achievements"):
        assert (await staff.get(f"/demands/{secret.id}/{way}")).status_code == 409


async def test_a_refused_demand_is_compared_with_nothing(
    people: People, session: AsyncSession
) -> None:
    refused = await scenes.demand(session, await people.organization(), state=DemandState.REFUSED)
    staff = await people.coordinator()
    for way in ("similar-demands", "matching-achievements"):
        answer = await staff.get(f"/demands/{refused.id}/{way}")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


async def test_an_expert_without_a_word_gets_an_empty_list(
    people: People, session: AsyncSession
) -> None:
    await scenes.demand(session, await people.organization())
    expert = await scenes.expert(
        session, "甲", "", research_directions=[], title="", evidence=[], disciplines=[]
    )
    assert await titles(await people.coordinator(), f"/experts/{expert.id}/matching-demands") == []


async def test_limits(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    for number in range(3):
        await scenes.demand(session, organization, title=f"锦纶{number}")
    expert = await scenes.expert(session, "甲", "锦纶染色")
    staff = await people.coordinator()
    path = f"/experts/{expert.id}/matching-demands"
    assert len(await titles(staff, f"{path}?limit=2")) == 2
    for limit in ("0", "101", "x"):
        assert (await staff.get(f"{path}?limit={limit}")).status_code == 422
