"""Dockings over HTTP: how they begin, who sees what, both sides' acceptance, and their timeline."""

import asyncio

import pytest
from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from app.experts.models import Expert, ExpertState
from tests.app.dockings import scenes
from tests.app.dockings.scenes import Scene, docked, recommended, step, steps, taken
from tests.app.matches.scenes import judge, move
from tests.people import GUANGZHOU, People


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    return await recommended(people, session)


@pytest.fixture
async def docking_id(scene: Scene) -> str:
    return await docked(scene)


async def ids(client: AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/dockings", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_nobody_without_signing_in(client: AsyncClient) -> None:
    assert (await client.get("/dockings")).status_code == 401
    assert (await client.post("/dockings", json={})).status_code == 401


async def test_only_what_is_recommended_is_docked(people: People, scene: Scene) -> None:
    body = {"match_id": scene.match_id}
    assert (await scene.enterprise.post("/dockings", json=body)).status_code == 403
    elsewhere = await people.coordinator(GUANGZHOU)
    assert (await elsewhere.post("/dockings", json=body)).status_code == 404
    assert await judge(scene.staff, scene.match_id, "suitable") == 201
    refused = await scene.staff.post("/dockings", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert await judge(scene.staff, scene.match_id, "recommended") == 201
    assert (await scene.staff.post("/dockings", json=body)).status_code == 201


async def test_of_two_at_most_one_docking_is_open(scene: Scene) -> None:
    body = {"match_id": scene.match_id}
    answers = await asyncio.gather(*(scene.staff.post("/dockings", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    [docking_id] = await ids(scene.staff)
    await taken(scene.staff, docking_id, "decline")
    assert await docked(scene) != docking_id


async def test_not_after_the_demand_or_the_expert_has_gone(
    session: AsyncSession, scene: Scene
) -> None:
    docking_id, body = await docked(scene), {"match_id": scene.match_id}
    await taken(scene.staff, docking_id, "decline")
    await session.execute(update(Expert).values(state=ExpertState.SUSPENDED))
    await session.commit()
    assert (await scene.staff.post("/dockings", json=body)).status_code == 409
    await session.execute(update(Expert).values(state=ExpertState.IN_POOL))
    await session.commit()
    docking_id = await docked(scene)
    await move(session, scene.demand, DemandState.WITHDRAWN)
    status, problem = await step(scene.staff, docking_id, "invite")
    assert (status, problem["detail"].rpartition("；")[2]) == (409, "需求的当前状态：withdrawn")
    await taken(scene.staff, docking_id, "decline", setback="demand_withdrawn")
    assert (await scene.staff.post("/dockings", json=body)).status_code == 409


async def test_the_expert_sees_it_from_the_invitation_on(scene: Scene, docking_id: str) -> None:
    assert await ids(scene.person) == []
    assert (await scene.person.get(f"/dockings/{docking_id}")).status_code == 404
    assert await ids(scene.enterprise) == [docking_id]
    await taken(scene.staff, docking_id, "invite")
    assert await ids(scene.person) == [docking_id]
    shown = (await scene.person.get(f"/dockings/{docking_id}")).json()
    assert shown["demand"]["title"] == scene.demand.title
    assert scene.demand.problem not in str(shown)
    assert shown["match_id"] is None
    actions = {"accept-invitation", "accept-confidentiality", "decline"}
    assert set(shown["allowed_actions"]) == actions


async def test_an_enterprise_sees_who_it_is_and_not_how_to_reach_them(
    session: AsyncSession, people: People, scene: Scene, docking_id: str
) -> None:
    await session.execute(update(Expert).values(region_code=GUANGZHOU, state=ExpertState.SUSPENDED))
    await session.commit()
    for client in (scene.enterprise, scene.staff):
        shown = (await client.get(f"/dockings/{docking_id}")).json()
        assert shown["expert"]["name"] == "染整"
        assert not {"phone", "email"} & set(shown["expert"])
    assert (await scene.enterprise.get(f"/experts/{scene.expert.id}")).status_code == 404
    assert await ids(await people.enterprise()) == []


async def test_contact_is_made_once_both_sides_accept(scene: Scene, docking_id: str) -> None:
    await taken(scene.staff, docking_id, "invite")
    status, refused = await step(scene.staff, docking_id, "accept-invitation")
    assert (status, refused["errors"][0]["pointer"]) == (422, "/on_behalf_of")
    one = await taken(scene.person, docking_id, "accept-invitation")
    assert (one["state"], one["enterprise_accepted_at"]) == ("invited", None)
    again = await taken(scene.person, docking_id, "accept-invitation")
    assert again["expert_accepted_at"] == one["expert_accepted_at"]
    assert len(await steps(scene.staff, docking_id)) == 3  # it was said once
    both = await taken(scene.enterprise, docking_id, "accept-invitation")
    assert both["state"] == "contacted"


async def test_staff_note_down_what_a_side_says(scene: Scene, docking_id: str) -> None:
    await taken(scene.staff, docking_id, "invite")
    for side in ("expert", "enterprise"):
        status, refused = await step(
            scene.staff, docking_id, "accept-invitation", on_behalf_of=side
        )
        assert (status, refused["errors"][0]["pointer"]) == (422, "/note")
        words = {"on_behalf_of": side, "note": "电话答复同意"}
        shown = await taken(scene.staff, docking_id, "accept-invitation", **words)
    assert shown["state"] == "contacted"
    noted = [(s["side"], s["is_noted_by_staff"]) for s in await steps(scene.staff, docking_id)]
    assert noted == [("staff", False), ("staff", False), ("expert", True), ("enterprise", True)]
    status, _ = await step(
        scene.enterprise, docking_id, "visit", on_behalf_of="expert", note="他说来过"
    )
    assert status == 403


@pytest.mark.parametrize("verb", sorted(scenes.WITH_SETBACK))
async def test_an_end_has_a_reason_that_all_read(scene: Scene, docking_id: str, verb: str) -> None:
    await taken(scene.staff, docking_id, "invite")
    if verb == "fail":
        await taken(scene.person, docking_id, "accept-invitation")
        await taken(scene.enterprise, docking_id, "accept-invitation")
    answer = await scene.person.post(f"/dockings/{docking_id}:{verb}", json={})
    assert answer.status_code == 422
    status, refused = await step(scene.person, docking_id, verb, setback="other")
    assert (status, refused["errors"][0]["pointer"]) == (422, "/note")
    ended = await taken(scene.person, docking_id, verb, setback="other", note="另有安排")
    assert ended["closed_at"]
    for reader in (scene.enterprise, scene.staff, scene.person):
        last = (await steps(reader, docking_id))[-1]
        assert (last["setback"], last["note"], last["side"]) == ("other", "另有安排", "expert")


async def test_from_invitation_to_follow_up(scene: Scene, docking_id: str) -> None:
    await taken(scene.staff, docking_id, "invite", note="第一次邀请")
    await taken(scene.person, docking_id, "accept-invitation")
    await taken(scene.enterprise, docking_id, "accept-invitation")
    await taken(scene.enterprise, docking_id, "visit", "negotiate", "agree-intent", "sign")
    await taken(scene.person, docking_id, "begin")
    await taken(scene.enterprise, docking_id, "accept-result")
    first = await taken(scene.staff, docking_id, "follow-up")
    assert (first["state"], first["follow_ups"]) == ("accepted", 1)
    done = await taken(scene.staff, docking_id, "follow-up")
    assert done["state"] == "followed_up"
    assert done["closed_at"]
    assert done["allowed_actions"] == []
    timeline = await steps(scene.person, docking_id)
    assert [s["verb"] for s in timeline] == [
        *("open", "invite", "accept-invitation", "accept-invitation", "visit", "negotiate"),
        *("agree-intent", "sign", "begin", "accept-result", "follow-up", "follow-up"),
    ]
    assert timeline[1]["note"] == "第一次邀请"
    assert await ids(scene.staff, is_open="true") == []
    assert await ids(scene.staff, state="followed_up") == [docking_id]


async def test_a_partner_reads_and_takes_no_step(
    people: People, scene: Scene, docking_id: str
) -> None:
    share = {"region_code": GUANGZHOU, "reason": "请协助"}
    answer = await scene.staff.post(f"/demands/{scene.demand.id}:share", json=share)
    assert answer.status_code == 200, answer.text
    partner = await people.coordinator(GUANGZHOU)
    assert await ids(partner) == [docking_id]
    assert (await partner.get(f"/dockings/{docking_id}")).json()["allowed_actions"] == []
    assert (await step(partner, docking_id, "invite"))[0] == 403


async def test_an_erased_expert_leaves_no_open_docking_and_no_words(
    session: AsyncSession, scene: Scene, docking_id: str
) -> None:
    await taken(scene.staff, docking_id, "invite", note="欧阳老师的学生介绍")
    erased = await scene.person.post("/me:erase", json={"password": "correct-horse-42"})
    assert erased.status_code in (200, 204), erased.text
    shown = (await scene.staff.get(f"/dockings/{docking_id}")).json()
    assert (shown["state"], shown["setback"]) == ("declined", "expert_left")
    assert shown["expert"]["name"] != "染整"
    assert all(s["note"] == "" for s in await steps(scene.staff, docking_id))
