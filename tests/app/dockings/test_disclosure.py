"""Staged disclosure: summary, undertaking, full text, and contacts once both sides accept."""

import pytest
from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import Demand
from app.experts.models import ExpertContact
from tests.app.dockings.scenes import Scene, docked, recommended, step, taken
from tests.people import GUANGZHOU, People


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    scene = await recommended(people, session)
    session.add(ExpertContact(expert_id=scene.expert.id, phone="13800000000", email="e@x.invalid"))
    demand = await session.get_one(Demand, scene.demand.id)
    demand.contact_name, demand.contact_phone = "骆女士", "0579-1"
    await session.commit()
    return scene


async def statuses(client: AsyncClient, docking_id: str) -> list[int]:
    paths = ("demand", "contacts")
    return [(await client.get(f"/dockings/{docking_id}/{path}")).status_code for path in paths]


async def named(client: AsyncClient, docking_id: str) -> set[str | None]:
    """By which names the readers are told."""
    answer = await client.get(f"/dockings/{docking_id}/readings")
    return {reading["account_name"] for reading in answer.json()["items"]}


async def test_step_by_step(people: People, session: AsyncSession, scene: Scene) -> None:
    docking_id = await docked(scene)
    await taken(scene.staff, docking_id, "invite")
    everybody = (scene.person, scene.enterprise, scene.staff)
    assert [await statuses(c, docking_id) for c in everybody] == [[403, 403], *[[200, 403]] * 2]
    status, outdated = await step(
        scene.person, docking_id, "accept-confidentiality", text_version="of before"
    )
    assert (status, outdated["errors"][0]["pointer"]) == (422, "/text_version")
    assert (await step(scene.enterprise, docking_id, "accept-confidentiality"))[0] == 403
    accepted = await taken(scene.person, docking_id, "accept-confidentiality")
    assert accepted["state"] == "invited"
    words = {"on_behalf_of": "enterprise", "note": "企业说专家同意"}
    status, _ = await step(scene.staff, docking_id, "accept-confidentiality", **words)
    assert status == 422
    again = await taken(scene.person, docking_id, "accept-confidentiality")
    moment = "confidentiality_accepted_at"
    assert again[moment] == accepted[moment]
    text = (await scene.person.get(f"/dockings/{docking_id}/demand")).json()
    assert text["problem"] == scene.demand.problem
    assert "0579-1" not in str(text)
    readers = [await named(client, docking_id) for client in (scene.person, scene.staff)]
    assert [None in names for names in readers] == [True, False]
    assert readers[0] == {None}
    await taken(scene.person, docking_id, "accept-invitation")
    assert await statuses(scene.enterprise, docking_id) == [200, 403]
    await taken(scene.enterprise, docking_id, "accept-invitation")
    for client in everybody:
        contacts = (await client.get(f"/dockings/{docking_id}/contacts")).json()
        assert contacts["expert"]["phone"] == "13800000000"
        assert contacts["enterprise"] == {
            "organization_name": text["organization_name"],
            "name": "骆女士",
            "phone": "0579-1",
            "email": "",
        }
    read = await scene.enterprise.get(f"/dockings/{docking_id}/readings")
    assert len(read.json()["items"]) >= 5
    assert {"expert", "enterprise", "coordinator"} == {r["role"] for r in read.json()["items"]}
    expert_path = f"/experts/{scene.expert.id}/contact-readings"
    assert (await scene.person.get(expert_path)).json()["items"][0]["role"] == "coordinator"
    assert None not in await named(scene.person, docking_id)
    await taken(scene.person, docking_id, "fail")
    assert [await statuses(c, docking_id) for c in everybody] == [[403, 403], *[[200, 403]] * 2]


async def test_an_expert_of_another_region_is_reached_by_no_other_way(
    people: People, session: AsyncSession, scene: Scene
) -> None:
    await session.execute(update(type(scene.expert)).values(region_code=GUANGZHOU))
    await session.commit()
    docking_id = await docked(scene)
    await taken(scene.staff, docking_id, "invite")
    words = {"on_behalf_of": "expert", "note": "电话同意"}
    await taken(scene.staff, docking_id, "accept-confidentiality", **words)
    await taken(scene.staff, docking_id, "accept-invitation", **words)
    await taken(scene.enterprise, docking_id, "accept-invitation")
    assert await statuses(scene.staff, docking_id) == [200, 200]
    contact = f"/experts/{scene.expert.id}/contact"
    assert (await scene.staff.get(contact)).status_code in (403, 404)
    assert (await scene.enterprise.get(contact)).status_code in (403, 404)
