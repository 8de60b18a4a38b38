"""Corps over HTTP: formed by the staff of a region, dispatched, at service, evaluated."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.cases.models import Case
from app.changes.models import Change
from app.clock import today
from app.corps.models import Corps
from app.experts.models import Expert, ExpertState
from app.organizations.models import Organization, OrganizationKind, OrganizationState
from tests.app.dockings import scenes as dockings
from tests.app.matches import scenes
from tests.locks import Locks
from tests.people import GUANGZHOU, JINHUA, PASSWORD, YIWU, People

SERVICE = {"kind": "training", "served_on": today().isoformat(), "hours": "3.5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A corps of Jinhua that serves Yiwu; its leader has an account, its member has none."""

    society: Organization
    served: Organization
    leader: Expert
    member: Expert
    staff: AsyncClient
    person: AsyncClient
    lead: AsyncClient
    enterprise: AsyncClient

    def body(self, **fields: Any) -> dict[str, Any]:
        members = [
            {"expert_id": str(self.member.id)},
            {"expert_id": str(self.leader.id), "role": "leader"},
        ]
        known = {
            "name": "林若溪服务团",
            "level": "municipal",
            "kind": "service_corps",
            "year": 2026,
        }
        places = {"year": 2026, "region_codes": [YIWU], "industries": ["17"]}
        lead = {"lead_organization_id": str(self.society.id)}
        return known | places | lead | {"members": members} | fields

    async def formed(self, **fields: Any) -> dict[str, Any]:
        status, corps = await sent(self.staff, "/corps", self.body(**fields))
        assert status == 201, corps
        return corps

    async def dispatched(self) -> str:
        path = f"/corps/{(await self.formed())['id']}"
        status, corps = await sent(self.staff, f"{path}:dispatch")
        assert status == 200, corps
        return path


async def sent(client: AsyncClient, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    answer = await client.post(path, json=body)
    return answer.status_code, answer.json()


async def ids(client: AsyncClient, path: str = "/corps", **query: str) -> list[str]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    account = await people.account(Role.EXPERT)
    society = await people.organization("纺织工程学会", kind=OrganizationKind.SOCIETY)
    served = await people.organization()
    return Scene(
        society=society,
        served=served,
        leader=await scenes.expert(session, "林若溪", "锦纶染色", account_id=account.id),
        member=await scenes.expert(session, "周远", "耐火材料", region_code=GUANGZHOU),
        staff=await people.coordinator(JINHUA),
        person=await people.client(account),
        lead=await people.enterprise(society),
        enterprise=await people.enterprise(served),
    )


async def test_from_forming_to_its_evaluation(
    client: AsyncClient, people: People, session: AsyncSession, scene: Scene
) -> None:
    county = await people.coordinator(YIWU)
    assert (await sent(client, "/corps", scene.body()))[0] == 401
    assert (await sent(scene.lead, "/corps", scene.body()))[0] == 403
    assert (await sent(county, "/corps", scene.body(region_code=JINHUA)))[0] == 403
    corps = await scene.formed()
    path = f"/corps/{corps['id']}"
    assert [(m["expert"]["name"], m["role"], m["is_in_pool"]) for m in corps["members"]] == [
        ("林若溪", "leader", True),
        ("周远", "member", True),
    ]
    assert (corps["region_code"], corps["lead_organization_name"]) == (JINHUA, "纺织工程学会")
    assert corps["allowed_actions"] == ["update", "dispatch"]
    others = [scene.enterprise, county, await people.evaluator()]
    for reader in (scene.staff, scene.person, scene.lead):
        assert (await reader.get(path)).status_code == 200
        assert await ids(reader) == [corps["id"]]
    for reader in others:
        assert (await reader.get(path)).status_code == 404
        assert await ids(reader) == []
    service = SERVICE | {"organization_id": str(scene.served.id)}
    assert (await sent(scene.staff, f"{path}/service-records", service))[0] == 409
    grade = {"grade": "good", "evaluation": "林若溪带队，培训反响好"}
    assert (await sent(scene.staff, f"{path}:evaluate", grade))[0] == 409
    assert (await sent(scene.person, f"{path}:dispatch"))[0] == 403

    status, dispatched = await sent(scene.staff, f"{path}:dispatch")
    assert (status, dispatched["state"]) == (200, "dispatched")
    for reader in others:
        shown = (await reader.get(path)).json()
        assert (shown["members"], shown["allowed_actions"]) == (corps["members"], [])
        assert await ids(reader, served_region_code=YIWU, industry="17") == [corps["id"]]
        assert (
            await ids(reader, served_region_code=GUANGZHOU) == await ids(reader, year="2025") == []
        )
    elsewhere = await people.enterprise(await people.organization(region_code=GUANGZHOU))
    for stranger in (elsewhere, await people.expert()):
        assert (await stranger.get(path)).status_code == 404
        assert await ids(stranger) == []

    records = f"{path}/service-records"
    assert (await sent(elsewhere, records, service))[0] == 404
    assert (await sent(scene.enterprise, records, service))[0] == 403
    stranger_id = {"expert_id": str(scene.served.id)}
    status, refused = await sent(scene.person, records, service | stranger_id)
    assert (status, refused["errors"][0]["pointer"]) == (422, "/expert_id")
    by = {"expert_id": str(scene.member.id)}
    status, first = await sent(scene.person, records, service | by)
    assert (status, first["side"], first["state"]) == (201, "expert", "recorded")
    shown = (await scene.person.get(path)).json()
    assert (shown["state"], shown["totals"]["service_count"]) == ("service_recorded", 0)
    assert (await sent(scene.staff, records, service | {"hours": "2"}))[0] == 201
    one, two = await ids(scene.enterprise, "/service-records", sort="created_at")
    assert await ids(scene.person, "/service-records", corps_id=corps["id"]) == [two, one]
    assert await ids(scene.lead, "/service-records") == await ids(county, "/service-records") == []
    confirm = f"/service-records/{one}:confirm"
    assert (await sent(scene.person, confirm, {}))[0] == 403
    assert (await sent(county, confirm, {}))[0] == 404
    assert (await sent(scene.staff, confirm, {}))[0] == 422  # for whom?
    assert (await sent(scene.enterprise, confirm, {"satisfaction": 4}))[0] == 200
    said = {"satisfaction": 5, "on_behalf_of": "enterprise"}
    assert (await sent(scene.staff, f"/service-records/{two}:confirm", said))[0] == 200
    assert (await sent(scene.staff, f"/service-records/{one}:count"))[0] == 200
    totals = (await scene.enterprise.get(path)).json()["totals"]
    assert totals == {
        "service_count": 2,
        "hours": "5.5",
        "enterprise_count": 1,
        "mean_satisfaction": 4.5,
    }

    assert (await sent(scene.lead, f"{path}:evaluate", grade))[0] == 403
    status, ended = await sent(scene.staff, f"{path}:evaluate", grade)
    assert (status, ended["state"], ended["allowed_actions"]) == (200, "evaluated", [])
    told = [(await c.get(path)).json()["grade"] for c in (scene.person, scene.lead, *others)]
    assert told == ["good", "good", None, None, None]
    assert (await sent(scene.person, records, service))[0] == 409
    kinds = select(Change.kind).where(Change.subject_id == corps["id"]).order_by(Change.id)
    assert list(await session.scalars(kinds)) == [
        "corps.forming",
        "corps.dispatched",
        "corps.service_recorded",
        "corps.evaluated",
    ]


async def test_who_is_in_a_corps(people: People, session: AsyncSession, scene: Scene) -> None:
    unknown = await people.organization(state=OrganizationState.REGISTERED)
    status, refused = await sent(
        scene.staff, "/corps", scene.body(lead_organization_id=str(unknown.id))
    )
    assert (status, refused["errors"][0]["pointer"]) == (422, "/lead_organization_id")
    ordinary = scene.body()["members"][:1]
    path = f"/corps/{(await scene.formed(members=ordinary))['id']}"
    status, refused = await sent(scene.staff, f"{path}:dispatch")
    assert (status, refused["errors"][0]["code"]) == (409, "no_leader")
    both = scene.body()["members"]
    changed = await scene.staff.patch(path, json={"members": both})
    assert [m["role"] for m in changed.json()["members"]] == ["leader", "member"]
    await scenes.invitation(session, scene.member)
    status, refused = await sent(scene.staff, f"{path}:dispatch")
    [fault] = refused["errors"]
    assert (status, fault["code"], fault["pointer"]) == (409, "resting", "/members/1")
    assert "周远" in fault["detail"]
    assert (await scene.staff.patch(path, json={"members": both[1:]})).status_code == 200
    assert (await sent(scene.staff, f"{path}:dispatch"))[0] == 200

    joins = await scene.staff.patch(path, json={"members": both})
    assert (joins.status_code, joins.json()["errors"][0]["code"]) == (409, "resting")
    leaderless = await scene.staff.patch(path, json={"members": []})
    assert (leaderless.status_code, leaderless.json()["errors"][0]["code"]) == (409, "no_leader")
    left = update(Expert).where(Expert.id == scene.leader.id)
    await session.execute(left.values(state=ExpertState.SUSPENDED))
    await session.commit()
    shown = (await scene.enterprise.get(path)).json()
    assert [m["is_in_pool"] for m in shown["members"]] == [False]
    renamed = await scene.staff.patch(path, json={"name": "新名"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "新名")
    kept = await scene.staff.patch(path, json={"members": both[1:]})
    assert kept.json()["errors"][0]["code"] == "not_in_pool"


async def test_a_service_in_a_docking_counts_for_a_corps(
    people: People, session: AsyncSession, scene: Scene
) -> None:
    docked = await dockings.recommended(people, session)
    members = [{"expert_id": str(docked.expert.id), "role": "leader"}]
    corps, other = await scene.formed(members=members), await scene.dispatched()
    path = f"/corps/{corps['id']}"
    assert (await sent(scene.staff, f"{path}:dispatch"))[0] == 200
    records = f"/dockings/{await dockings.contacted(docked)}/service-records"
    of_others = SERVICE | {"corps_id": other.rpartition("/")[2]}
    status, refused = await sent(docked.person, records, of_others)
    assert (status, refused["errors"][0]["pointer"]) == (422, "/corps_id")
    service = SERVICE | {"corps_id": corps["id"]}
    assert (await sent(docked.enterprise, records, service))[0] == 403
    status, recorded = await sent(docked.staff, records, service)  # of a county in the corps' city
    assert (status, recorded["corps_id"], recorded["organization_id"]) == (201, corps["id"], None)
    confirm = f"/service-records/{recorded['id']}:confirm"
    assert (await sent(docked.enterprise, confirm, {"satisfaction": 5}))[0] == 200
    shown = (await scene.enterprise.get(path)).json()
    assert (shown["state"], shown["totals"]["enterprise_count"]) == ("service_recorded", 1)
    assert await ids(scene.enterprise, "/service-records") == []
    evaluation = {"grade": "good", "evaluation": "成效显著"}
    assert (await sent(scene.staff, f"{path}:evaluate", evaluation))[0] == 200
    status, late = await sent(docked.staff, records, service)
    assert (status, late["detail"].rpartition("；")[2]) == (409, "服务团的当前状态：evaluated")


async def test_the_staff_of_a_corps_export_no_docking_of_others(
    people: People, session: AsyncSession, scene: Scene
) -> None:
    """A service in one counts for their corps, and is told by the docking's parties alone."""
    docked, away = await dockings.recommended(people, session), await people.coordinator(GUANGZHOU)
    moved = update(Expert).where(Expert.id == docked.expert.id)
    await session.execute(moved.values(region_code=GUANGZHOU))
    await session.commit()
    members = [{"expert_id": str(docked.expert.id), "role": "leader"}]
    _, corps = await sent(away, "/corps", scene.body(members=members))
    assert (await sent(away, f"/corps/{corps['id']}:dispatch"))[0] == 200
    records = f"/dockings/{await dockings.contacted(docked)}/service-records"
    of_corps = {"corps_id": corps["id"], "summary": "配方"}
    status, recorded = await sent(docked.person, records, SERVICE | of_corps)
    assert status == 201, recorded
    assert await ids(away, "/service-records") == []
    export = (await away.get(f"/experts/{docked.expert.id}/personal-data")).json()["sections"]
    sections = {section["name"] for section in export}
    assert "corps_members" in sections
    assert "service_records" not in sections


async def test_experts_are_held_before_the_corps_and_cases_that_name_them(
    people: People, session: AsyncSession, scene: Scene, locks: Locks
) -> None:
    """As erasure holds them, or the two would wait for each other."""
    path = await scene.dispatched()
    demand = await scenes.demand(session, scene.served)
    told = {"title": "-", "demand_id": str(demand.id), "expert_ids": [str(scene.leader.id)]}
    _, case = await sent(scene.staff, "/cases", told)
    service = SERVICE | {"organization_id": str(scene.served.id)}
    service |= {"expert_id": str(scene.leader.id)}
    held = select(Expert.id).where(Expert.id == scene.leader.id)
    await session.execute(held.with_for_update())
    record = asyncio.create_task(sent(scene.person, f"{path}/service-records", service))
    change = asyncio.create_task(scene.staff.patch(f"/cases/{case['id']}", json={"title": "改"}))
    await locks.wait(2)
    corps_id = path.rpartition("/")[2]
    for table, record_id in ((Corps, corps_id), (Case, case["id"])):
        one = select(table.id).where(table.id == record_id)
        assert await session.scalar(one.with_for_update(nowait=True)) is not None
    await session.commit()
    assert (await record)[0] == 201
    assert (await change).status_code == 200


async def test_who_erases_themself_leaves_the_corps_that_names_them_meanwhile(
    session: AsyncSession, scene: Scene, locks: Locks
) -> None:
    held = select(Expert.id).where(Expert.id == scene.leader.id)
    await session.execute(held.with_for_update())
    naming = asyncio.create_task(sent(scene.staff, "/corps", scene.body()))
    await locks.wait(1)
    erasing = asyncio.create_task(scene.person.post("/me:erase", json={"password": PASSWORD}))
    await locks.wait(2)
    await session.commit()
    status, corps = await naming
    assert (status, (await erasing).status_code) == (201, 204)
    left = (await scene.staff.get(f"/corps/{corps['id']}")).json()
    assert [m["expert"]["name"] for m in left["members"]] == ["周远"]


async def test_an_erased_expert_leaves_the_corps(scene: Scene) -> None:
    """And its words; what they have done for it stays counted."""
    path = await scene.dispatched()
    who = {"organization_id": str(scene.served.id), "expert_id": str(scene.leader.id)}
    theirs = SERVICE | who | {"summary": "讲染色"}
    others = SERVICE | who | {"summary": "随林若溪走访", "expert_id": str(scene.member.id)}
    for service in (theirs, others):
        status, recorded = await sent(scene.staff, f"{path}/service-records", service)
        assert status == 201, recorded
        confirm = f"/service-records/{recorded['id']}:confirm"
        assert (await sent(scene.enterprise, confirm, {}))[0] == 200
    export = (await scene.person.get("/me/personal-data")).json()["sections"]
    held = {section["name"]: len(section["rows"]) for section in export}
    assert (held["corps_members"], held["service_records"]) == (1, 1)
    erased = await scene.staff.post(f"/experts/{scene.leader.id}:erase")
    assert erased.status_code in (200, 204), erased.text
    left = (await scene.staff.get(path)).json()
    assert [m["expert"]["name"] for m in left["members"]] == ["周远"]
    assert (left["name"], left["totals"]["service_count"]) == ("某专家服务团", 2)
    records = (await scene.enterprise.get("/service-records")).json()["items"]
    assert [(r["summary"], r["expert_id"]) for r in records] == [
        ("随某专家走访", str(scene.member.id)),
        ("", None),
    ]
