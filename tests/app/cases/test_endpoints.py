"""Cases over HTTP: published with every consent, and taken back with the first one withdrawn."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.changes.models import Change
from app.organizations.models import Organization
from tests.app.dockings import scenes as dockings
from tests.app.matches import scenes
from tests.people import GUANGZHOU, People

WORDS = {"title": "不再黄变", "background": "浅色锦纶袜黄变", "result": "退货率降到 1%"}


async def sent(client: AsyncClient, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    answer = await client.post(path, json=body)
    return answer.status_code, answer.json()


async def ids(client: AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/cases", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_from_its_collection_to_its_publication_and_back(
    client: AsyncClient, people: People, session: AsyncSession
) -> None:
    scene = await dockings.recommended(people, session)
    docking_id = await dockings.contacted(scene)
    account = await people.account(Role.EXPERT)
    second = await scenes.expert(session, "周远", "耐火材料", account_id=account.id)
    person = await people.client(account)
    body = WORDS | {
        "demand_id": str(scene.demand.id),
        "docking_id": docking_id,
        "expert_ids": [str(second.id)],
    }
    assert (await sent(client, "/cases", body))[0] == 401
    assert (await sent(scene.enterprise, "/cases", body))[0] == 403
    away = await people.coordinator(GUANGZHOU)
    assert (await sent(away, "/cases", body))[0] == 403
    other = await scenes.demand(session, await people.organization())
    status, refused = await sent(scene.staff, "/cases", body | {"demand_id": str(other.id)})
    assert (status, refused["errors"][0]["pointer"]) == (422, "/docking_id")
    status, refused = await sent(scene.staff, "/cases", body | {"expert_ids": [docking_id]})
    assert (status, refused["errors"][0]["pointer"]) == (422, "/expert_ids/0")
    both = {"expert_ids": [str(scene.expert.id), str(second.id)]}
    assert len((await sent(scene.staff, "/cases", body | both))[1]["parties"]) == 3
    status, case = await sent(scene.staff, "/cases", body)
    assert (status, case["state"]) == (201, "collected")
    who = {None, str(second.id), str(scene.expert.id)}
    assert {party["expert_id"] for party in case["parties"]} == who
    path = f"/cases/{case['id']}"
    strangers = [away, await people.enterprise(), await people.expert(), await people.evaluator()]
    for stranger in strangers:
        assert (await stranger.get(path)).status_code == 404
        assert await ids(stranger) == []

    named = {"shown_as": "某袜业公司"}
    status, shown = await sent(scene.enterprise, f"{path}:consent", named)
    assert (status, shown["enterprise_name"]) == (200, "某袜业公司")
    changed = await scene.staff.patch(path, json={"solution": "低温定型"})
    assert [party["consented_at"] for party in changed.json()["parties"]] == [None] * 3
    without = await scene.staff.patch(path, json={"expert_ids": []})
    docked = [party["expert_id"] for party in without.json()["parties"]]
    assert docked == [None, str(scene.expert.id)], "the docked one stays"
    await scene.staff.patch(path, json={"expert_ids": [str(second.id)]})
    assert (await sent(scene.staff, f"{path}:publish"))[0] == 409
    assert (await sent(scene.enterprise, f"{path}:review"))[0] == 403
    assert (await sent(scene.staff, f"{path}:review"))[1]["state"] == "reviewed"
    assert (await scene.staff.patch(path, json={"title": "改"})).status_code == 409
    assert (await sent(scene.staff, f"{path}:consent", {}))[0] == 403  # nobody's but a party's
    assert (await sent(scene.enterprise, f"{path}:consent", named))[0] == 200
    assert (await sent(scene.person, f"{path}:consent", {"shown_as": "林教授"}))[0] == 200
    status, refused = await sent(scene.staff, f"{path}:publish")
    assert (status, [e["code"] for e in refused["errors"]]) == (409, ["not_consented"])
    assert (await sent(person, f"{path}:consent", {}))[0] == 200
    assert (await sent(scene.staff, f"{path}:publish"))[1]["state"] == "published"
    for stranger in strangers:
        told = (await stranger.get(path)).json()
        assert (told["solution"], told["enterprise_name"]) == ("低温定型", "某袜业公司")
        assert told["expert_names"] == ["林教授"]
        assert (told["parties"], told["demand_id"], told["allowed_actions"]) == ([], None, [])
        assert await ids(stranger, state="published") == [case["id"]]
    assert (await sent(away, f"{path}:take-back", {"reason": "有误"}))[0] == 403
    assert (await sent(strangers[1], f"{path}:withdraw-consent"))[0] == 403

    status, back = await sent(person, f"{path}:withdraw-consent")
    assert (status, back["state"], back["published_at"]) == (200, "reviewed", None)
    assert (await away.get(path)).status_code == 404
    assert (await sent(person, f"{path}:consent", {}))[0] == 200
    assert (await sent(scene.staff, f"{path}:publish"))[0] == 200
    status, taken = await sent(scene.staff, f"{path}:take-back", {"reason": "数据有误"})
    assert (status, taken["state_reason"]) == (200, "数据有误")
    assert (await sent(scene.staff, f"{path}:return", {"reason": "请核对"}))[1][
        "state"
    ] == "collected"
    kinds = select(Change.kind).where(Change.subject_id == case["id"]).order_by(Change.id)
    assert list(await session.scalars(kinds))[-5:] == [
        "case.consent_withdrawn",
        "case.consented",
        "case.published",
        "case.reviewed",
        "case.collected",
    ]


async def test_who_stays_in_a_case_need_not_be_in_the_pool(
    people: People, session: AsyncSession
) -> None:
    """Nor does whom it was that was docked, once they were erased; and nobody speaks for two."""
    scene = await dockings.recommended(people, session)
    second = await scenes.expert(session, "周远", "耐火材料")
    body = WORDS | {"demand_id": str(scene.demand.id), "docking_id": await dockings.docked(scene)}
    _, case = await sent(scene.staff, "/cases", body)
    path = f"/cases/{case['id']}"
    account_id, organization_id = scene.expert.account_id, scene.demand.organization_id
    member = await session.get_one(Account, account_id)
    await people.join(member, await session.get_one(Organization, organization_id))
    _, consented = await sent(scene.person, f"{path}:consent", {"shown_as": "林教授"})
    assert (consented["enterprise_name"], consented["expert_names"]) == ("", ["林教授"])
    left = await sent(scene.staff, f"/experts/{scene.expert.id}:suspend", {"reason": "出国"})
    assert left[0] == 200, left
    both = {"expert_ids": [str(scene.expert.id), str(second.id)]}
    assert (await scene.staff.patch(path, json=both)).status_code == 200
    assert (await scene.staff.post(f"/experts/{scene.expert.id}:erase")).status_code in (200, 204)
    rest = await scene.staff.patch(path, json={"expert_ids": [str(second.id)]})
    assert (rest.status_code, len(rest.json()["parties"])) == (200, 2)


async def test_an_erased_expert_leaves_the_case(people: People, session: AsyncSession) -> None:
    """And its words, which are no longer told until somebody has read them again."""
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "林若溪", "锦纶染色", account_id=account.id)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    staff, person = await people.coordinator(), await people.client(account)
    enterprise = await people.enterprise(organization)
    body = WORDS | {"demand_id": str(demand.id), "expert_ids": [str(expert.id)]}
    _, case = await sent(staff, "/cases", body | {"solution": "林若溪提出低温定型"})
    path = f"/cases/{case['id']}"
    for party in (person, enterprise):
        assert (await sent(party, f"{path}:consent", {"shown_as": "林若溪"}))[0] == 200
    for verb in ("review", "publish"):
        assert (await sent(staff, f"{path}:{verb}"))[0] == 200
    export = (await person.get("/me/personal-data")).json()["sections"]
    [held] = next(section["rows"] for section in export if section["name"] == "case_parties")
    assert (held["case_id"], held["shown_as"]) == (case["id"], "林若溪")
    erased = await staff.post(f"/experts/{expert.id}:erase")
    assert erased.status_code in (200, 204), erased.text
    left = (await staff.get(path)).json()
    assert (left["state"], left["solution"]) == ("reviewed", "某专家提出低温定型")
    assert (left["expert_names"], len(left["parties"])) == ([], 1)
