"""A recommended expert, the enterprise and the staff between them."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import Demand
from app.dockings.disclosure.operations import VERSION
from app.experts.models import Expert
from tests.app.matches import scenes
from tests.people import People

WITH_SETBACK = frozenset({"decline", "fail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    demand: Demand
    expert: Expert
    match_id: str
    staff: AsyncClient
    enterprise: AsyncClient
    person: AsyncClient


async def recommended(people: People, session: AsyncSession) -> Scene:
    """The staff of Yiwu have recommended an expert who has an account."""
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "染整", scenes.DIRECTIONS["染整"], account_id=account.id)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    staff = await people.coordinator()
    return Scene(
        demand=demand,
        expert=expert,
        match_id=await _recommended(staff, demand, expert),
        staff=staff,
        enterprise=await people.enterprise(organization),
        person=await people.client(account),
    )


async def another(people: People, session: AsyncSession, scene: Scene) -> Scene:
    """The same demand with a second expert, who is recommended, too."""
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "染色", scenes.DIRECTIONS["染整"], account_id=account.id)
    match_id = await _recommended(scene.staff, scene.demand, expert)
    person = await people.client(account)
    return replace(scene, expert=expert, match_id=match_id, person=person)


async def _recommended(staff: AsyncClient, demand: Demand, expert: Expert) -> str:
    run = await scenes.match(staff, demand.id)
    [match] = [m for m in run["matches"] if m["expert"]["id"] == str(expert.id)]
    match_id: str = match["id"]
    assert await scenes.judge(staff, match_id, "recommended") == 201
    return match_id


async def docked(scene: Scene) -> str:
    """The id of a new docking."""
    answer = await scene.staff.post("/dockings", json={"match_id": scene.match_id})
    assert answer.status_code == 201, answer.text
    docking_id: str = answer.json()["id"]
    return docking_id


async def step(
    client: AsyncClient, docking_id: str | UUID, verb: str, **body: Any
) -> tuple[int, dict[str, Any]]:
    if verb in WITH_SETBACK:
        body = {"setback": "terms"} | body
    if verb == "accept-confidentiality":
        body = {"text_version": VERSION} | body
    answer = await client.post(f"/dockings/{docking_id}:{verb}", json=body)
    return answer.status_code, answer.json()


async def taken(client: AsyncClient, docking_id: str, *verbs: str, **body: Any) -> dict[str, Any]:
    """The docking after these steps."""
    for verb in verbs:
        status, shown = await step(client, docking_id, verb, **body)
        assert status == 200, (verb, shown)
    return shown


async def contacted(scene: Scene) -> str:
    """The id of a docking whose two sides have accepted."""
    docking_id = await docked(scene)
    await taken(scene.staff, docking_id, "invite")
    for side in (scene.person, scene.enterprise):
        await taken(side, docking_id, "accept-invitation")
    return docking_id


async def steps(client: AsyncClient, docking_id: str) -> list[dict[str, Any]]:
    """The timeline, first step first."""
    answer = await client.get(f"/dockings/{docking_id}/steps", params={"sort": "created_at"})
    found: list[dict[str, Any]] = answer.json()["items"]
    return found
