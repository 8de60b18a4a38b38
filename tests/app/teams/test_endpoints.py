"""Teams over HTTP: formed by the demand's staff, confirmed with everybody available, dissolved."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.clock import now, today
from app.demands.models import Demand, DemandState
from app.experts.models import Expert, ExpertState, Invitation
from app.teams.ending import dissolve_left
from tests.app.matches import scenes
from tests.people import GUANGZHOU, People


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A demand of Yiwu, shared with Guangzhou, and two experts, the first with an account."""

    demand: Demand
    chief: Expert
    member: Expert
    staff: AsyncClient
    partner: AsyncClient
    enterprise: AsyncClient
    person: AsyncClient

    def body(self, **fields: Any) -> dict[str, Any]:
        members = [
            {"expert_id": str(self.member.id)},
            {"expert_id": str(self.chief.id), "role": "chief", "aspects": ["黄变"]},
        ]
        known = {"demand_id": str(self.demand.id), "name": "黄变攻关团队", "members": members}
        return known | fields

    async def formed(self, **fields: Any) -> dict[str, Any]:
        answer = await self.staff.post("/teams", json=self.body(**fields))
        assert answer.status_code == 201, answer.text
        team: dict[str, Any] = answer.json()
        return team


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    account = await people.account(Role.EXPERT)
    chief = await scenes.expert(session, "林若溪", "锦纶染色", account_id=account.id)
    organization = await people.organization()
    return Scene(
        demand=await scenes.demand(session, organization, shared_region_codes=[GUANGZHOU]),
        chief=chief,
        member=await scenes.expert(session, "周远", "耐火材料", region_code=GUANGZHOU),
        staff=await people.coordinator(),
        partner=await people.coordinator(GUANGZHOU),
        enterprise=await people.enterprise(organization),
        person=await people.client(account),
    )


async def ids(client: AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/teams", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def step(client: AsyncClient, team_id: str, verb: str, **body: Any) -> tuple[int, Any]:
    answer = await client.post(f"/teams/{team_id}:{verb}", json=body or None)
    return answer.status_code, answer.json()


async def test_from_forming_to_its_end(people: People, session: AsyncSession, scene: Scene) -> None:
    team = await scene.formed(starts_on="2027-01-01", ends_on="2027-06-30")
    path, chief_id = f"/teams/{team['id']}", str(scene.chief.id)
    assert [(m["expert"]["name"], m["role"], m["aspects"]) for m in team["members"]] == [
        ("林若溪", "chief", ["黄变"]),
        ("周远", "member", []),
    ]
    assert team["allowed_actions"] == ["update", "confirm", "dissolve"]
    shown = (await scene.partner.get(path)).json()
    assert (shown["members"], shown["allowed_actions"]) == (team["members"], [])
    others = [await people.enterprise(), await people.expert(), await people.evaluator()]
    for reader in (scene.enterprise, scene.person, *others):
        assert (await reader.get(path)).status_code == 404
        assert await ids(reader) == []
    assert (await step(scene.partner, team["id"], "confirm"))[0] == 403
    assert (await step(scene.staff, team["id"], "begin-service"))[0] == 409

    status, confirmed = await step(scene.staff, team["id"], "confirm")
    assert (status, confirmed["state"]) == (200, "confirmed")
    for reader in (scene.staff, scene.partner, scene.enterprise, scene.person):
        shown = (await reader.get(path)).json()
        assert (shown["members"], shown["demand"]["title"]) == (
            team["members"],
            scene.demand.title,
        )
        assert await ids(reader, expert_id=chief_id, state="confirmed") == [team["id"]]
        assert await ids(reader, demand_id=chief_id) == await ids(reader, state="forming") == []
    for reader in others:
        assert (await reader.get(path)).status_code == 404
        assert await ids(reader) == []
    assert (await scene.person.get(f"/demands/{scene.demand.id}")).status_code == 404
    assert (await step(scene.enterprise, team["id"], "dissolve", reason="不再需要"))[0] == 403

    refused = await scene.staff.patch(path, json={"name": "另一个"})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert (await step(scene.staff, team["id"], "begin-service"))[1]["state"] == "serving"
    status, ended = await step(scene.staff, team["id"], "dissolve", reason="已完成")
    assert (ended["state"], ended["state_reason"]) == ("dissolved", "已完成")
    kinds = select(Change.kind).where(Change.kind.startswith("team.")).order_by(Change.id)
    assert list(await session.scalars(kinds)) == [
        "team.forming",
        "team.confirmed",
        "team.serving",
        "team.dissolved",
    ]


async def test_a_team_ends_with_its_demand(app: FastAPI, scene: Scene) -> None:
    team = await scene.formed()
    demand = f"/demands/{scene.demand.id}"
    for verb in ("close", "reopen"):
        answer = await scene.staff.post(f"{demand}:{verb}", json={"reason": "误操作"})
        assert answer.status_code == 200, answer.text
    anew = await scene.formed()
    for _ in range(2):  # the job may come twice, and late
        await dissolve_left(app.state.sessions, now())
    shown = [(await scene.staff.get(f"/teams/{one['id']}")).json() for one in (team, anew)]
    assert [(one["state"], one["state_reason"]) for one in shown] == [
        ("dissolved", "需求已关闭"),
        ("forming", ""),
    ]


async def test_members_are_replaced_as_a_whole(scene: Scene) -> None:
    team = await scene.formed()
    path, both = f"/teams/{team['id']}", scene.body()["members"]
    one = [{"expert_id": str(scene.chief.id), "role": "chief", "aspects": ["定型"]}]
    changed = (await scene.staff.patch(path, json={"members": one})).json()
    assert [(m["expert"]["name"], m["aspects"]) for m in changed["members"]] == [
        ("林若溪", ["定型"])
    ]
    assert changed["version"] > team["version"]
    assert changed["name"] == team["name"]
    stale = {"If-Match": f'"{team["version"]}-0"'}
    refused = await scene.staff.patch(path, json={"members": both}, headers=stale)
    assert refused.status_code == 412
    back = (await scene.staff.patch(path, json={"members": both, "name": "新名"})).json()
    assert (len(back["members"]), back["name"]) == (2, "新名")
    assert (await scene.partner.patch(path, json={"name": "改名"})).status_code == 403
    faults = (await scene.staff.patch(path, json={"members": [*both, both[0]]})).json()["errors"]
    assert [(f["pointer"], f["code"]) for f in faults] == [("/members/2/expert_id", "named_twice")]
    ends = {"starts_on": "2027-02-01", "ends_on": "2027-01-01"}
    refused = await scene.staff.patch(path, json=ends)
    assert refused.json()["errors"][0]["pointer"] == "/ends_on"


async def test_who_forms_a_team_and_of_whom(
    client: AsyncClient, people: People, session: AsyncSession, scene: Scene
) -> None:
    assert (await client.post("/teams", json=scene.body())).status_code == 401
    for caller, status in (
        (scene.enterprise, 403),
        (scene.person, 403),
        (scene.partner, 403),
        (await people.coordinator("110000"), 403),
    ):
        assert (await caller.post("/teams", json=scene.body())).status_code == status
    await session.execute(
        update(Expert).where(Expert.id == scene.member.id).values(state=ExpertState.SUSPENDED)
    )
    await session.commit()
    refused = await scene.staff.post("/teams", json=scene.body())
    assert [(f["pointer"], f["code"]) for f in refused.json()["errors"]] == [
        ("/members/0/expert_id", "not_in_pool")
    ]
    await scenes.move(session, scene.demand, DemandState.CLOSED)
    refused = await scene.staff.post("/teams", json=scene.body(members=[]))
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")


async def test_a_confirmation_names_who_is_not_available(
    session: AsyncSession, scene: Scene
) -> None:
    team = await scene.formed(members=scene.body()["members"][:1])
    status, refused = await step(scene.staff, team["id"], "confirm")
    assert (status, refused["errors"][0]["code"]) == (409, "no_chief")
    team = await scene.formed()
    absence = [{"from_on": "2027-01-01", "until_on": "2027-02-01"}]
    for values, code, name in (
        ({"absences": absence}, None, ""),
        ({"yearly_capacity": 0}, "no_capacity", "林若溪"),
        ({"yearly_capacity": None, "state": ExpertState.SUSPENDED}, "not_in_pool", "林若溪"),
    ):
        own = update(Expert).where(Expert.id == scene.chief.id)
        await session.execute(own.values(**values))
        await session.commit()
        if code is None:
            continue
        status, refused = await step(scene.staff, team["id"], "confirm")
        [fault] = refused["errors"]
        assert (status, fault["pointer"], fault["code"]) == (409, "/members/0", code)
        assert name in fault["detail"]
    await session.execute(update(Expert).values(state=ExpertState.IN_POOL))
    await session.commit()
    await scenes.invitation(session, scene.member, ago=timedelta(days=1))
    await scene.staff.patch(f"/teams/{team['id']}", json={"starts_on": "2027-01-15"})
    _, refused = await step(scene.staff, team["id"], "confirm")
    assert [(f["code"], f["pointer"]) for f in refused["errors"]] == [("absent", "/members/0")]
    await scene.staff.patch(f"/teams/{team['id']}", json={"starts_on": today().isoformat()})
    _, refused = await step(scene.staff, team["id"], "confirm")
    assert [(f["code"], f["pointer"]) for f in refused["errors"]] == [("resting", "/members/1")]
    assert "周远" in refused["errors"][0]["detail"]
    # An invitation to the very demand is none of these reasons.
    await session.execute(delete(Invitation))
    await session.commit()
    matched = (await scenes.match(scene.staff, scene.demand.id, on="2028-01-01"))["matches"]
    [match] = [m for m in matched if m["expert"]["name"] == "周远"]
    assert await scenes.judge(scene.staff, match["id"], "recommended") == 201
    docking = await scene.staff.post("/dockings", json={"match_id": match["id"]})
    invited = await scene.staff.post(f"/dockings/{docking.json()['id']}:invite", json={})
    assert invited.status_code == 200, invited.text
    assert (await step(scene.staff, team["id"], "confirm"))[0] == 200


async def test_an_erased_expert_leaves_the_team(scene: Scene) -> None:
    """And its words; what held the expert's card is answered no more."""
    member, chief = scene.body()["members"]
    member["aspects"] = ["协助林若溪"]
    team = await scene.formed(name="林若溪团队", members=[member, chief])
    key = {"Idempotency-Key": "confirm-once"}
    confirm = f"/teams/{team['id']}:confirm"
    assert (await scene.staff.post(confirm, headers=key)).status_code == 200
    export = (await scene.person.get("/me/personal-data")).json()["sections"]
    [held] = next(section["rows"] for section in export if section["name"] == "team_members")
    assert (held["team_id"], held["aspects"]) == (team["id"], ["黄变"])
    erased = await scene.staff.post(f"/experts/{scene.chief.id}:erase")
    assert erased.status_code in (200, 204), erased.text
    left = (await scene.staff.get(f"/teams/{team['id']}")).json()
    assert [m["expert"]["name"] for m in left["members"]] == ["周远"]
    assert "林若溪" not in str(left)
    assert left["version"] > team["version"] + 1
    again = await scene.staff.post(confirm, headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    status, refused = await step(scene.staff, team["id"], "begin-service")
    assert (status, refused["errors"][0]["code"]) == (409, "no_chief")
