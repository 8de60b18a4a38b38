"""Common problems over HTTP: who sees which, what of them, and who may edit and decide."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import Demand, DemandState
from app.organizations.actors import Actor
from app.problems.access import may_manage
from app.problems.models import CommonProblem
from tests.app.matches.scenes import move
from tests.app.problems import scenes
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People


async def sees(client: AsyncClient, problem: dict[str, Any]) -> bool:
    """By the list and by the record, which agree."""
    answer = await client.get(f"/common-problems/{problem['id']}")
    assert answer.status_code in (200, 404)
    found = bool(await scenes.listed(client))
    assert found == (answer.status_code == 200)
    return found


async def test_nobody_without_sign_in(client: AsyncClient) -> None:
    assert (await client.get("/common-problems")).status_code == 401
    assert (await client.post("/common-problems:propose")).status_code == 401


async def test_staff_see_proposals_with_a_demand_of_their_region(
    people: People, problem: dict[str, Any]
) -> None:
    for region in (YIWU, JINHUA, ZHEJIANG, GUANGZHOU, None):
        assert await sees(await people.coordinator(region), problem)
    assert await sees(await people.administrator(), problem)
    assert not await sees(await people.coordinator("330100"), problem)
    assert not await sees(await people.evaluator(), problem)


async def test_an_enterprise_sees_what_is_confirmed_and_its_own(
    people: People,
    session: AsyncSession,
    demands: list[Demand],
    problem: dict[str, Any],
    staff: AsyncClient,
) -> None:
    own, other = [await people.enterprise(d.organization) for d in demands]
    stranger = await people.enterprise()
    for client in (own, other, stranger, await people.expert()):
        assert not await sees(client, problem)
    assert (await scenes.step(staff, problem["id"], "confirm"))[0] == 200
    for client in (own, other, await people.evaluator()):
        assert await sees(client, problem)
    for client in (stranger, await people.expert()):
        assert not await sees(client, problem)
    shown = await scenes.read(own, problem["id"])
    assert shown["allowed_actions"] == ["co-sign", "decline"]
    assert {m["is_own"]: m["title"] for m in shown["members"]} == {
        True: demands[0].title,
        False: demands[1].title,
    }
    assert "内部配方" not in str(shown)
    assert demands[1].organization.name not in str(shown)
    assert str(demands[1].organization_id) not in str(shown)
    await move(session, demands[1], DemandState.WITHDRAWN)
    shown = await scenes.read(own, problem["id"])
    assert demands[1].title not in str(shown["members"])


async def test_what_was_taken_out_is_nobodys_elses(
    people: People, session: AsyncSession, app: FastAPI, staff: AsyncClient
) -> None:
    """An enterprise whose demand was taken out sees nothing of the problem."""
    await scenes.others(session, people)
    found = [await scenes.demand(session, people, s) for s in ("黄变", "黄变二", "黄变")]
    await scenes.propose(app)
    path = f"/common-problems/{(await scenes.only(staff))['id']}"
    kept = [str(d.id) for d in found[:2]]
    assert (await staff.patch(path, json={"demand_ids": kept})).status_code == 200
    assert (await staff.post(f"{path}:confirm")).status_code == 200
    outside = await people.enterprise(found[2].organization)
    assert (await outside.get(path)).status_code == 404
    inside = (await (await people.enterprise(found[0].organization)).get(path)).json()
    assert {m["demand_id"] for m in inside["members"]} == set(kept)


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"state": "proposed"}, True),
        ({"state": "confirmed"}, False),
        ({"region_code": ZHEJIANG}, True),
        ({"region_code": GUANGZHOU}, True),
        ({"region_code": "110000"}, False),
        ({"text": "黄变"}, True),
        ({"text": "氨氮"}, False),
        ({"technology_field": "new_materials"}, True),
        ({"technology_field": "software"}, False),
        ({"discipline": "540"}, False),
        ({"likeness": "no such"}, None),
        ({"count": "exact", "sort": "-organization_count"}, True),
    ],
)
async def test_filters(
    staff: AsyncClient, problem: dict[str, Any], query: dict[str, str], is_found: bool | None
) -> None:
    answer = await staff.get("/common-problems", params=query)
    if is_found is None:
        assert answer.status_code == 422
    else:
        assert [p["id"] for p in answer.json()["items"]] == [problem["id"]] * is_found


async def test_by_demand_and_by_discipline(
    people: People, session: AsyncSession, app: FastAPI
) -> None:
    await scenes.others(session, people)
    one = await scenes.demand(session, people, "黄变", discipline="54020")
    await scenes.demand(session, people, "黄变二")
    await scenes.demand(session, people, "氨氮")
    await scenes.demand(session, people, "氨氮二")
    staff = await people.administrator()
    await scenes.propose(app)
    assert len(await scenes.listed(staff)) == 2
    found = await scenes.only(staff, demand_id=str(one.id))
    assert one.id in scenes.members(found)
    assert (await scenes.only(staff, discipline="540"))["id"] == found["id"]
    first = (await staff.get("/common-problems", params={"limit": 1})).json()
    second = await staff.get(
        "/common-problems", params={"limit": 1, "cursor": first["next_cursor"]}
    )
    assert first["items"][0]["id"] != second.json()["items"][0]["id"]


async def test_who_may_edit_and_decide(
    people: People, demands: list[Demand], problem: dict[str, Any], staff: AsyncClient
) -> None:
    path = f"/common-problems/{problem['id']}"
    outside = await people.coordinator("330100")
    assert (await outside.patch(path, json={"title": "x"})).status_code == 404
    assert (await scenes.step(outside, problem["id"], "confirm"))[0] == 404
    enterprise = await people.enterprise(demands[0].organization)
    assert (await scenes.step(enterprise, problem["id"], "confirm"))[0] == 403
    assert (await staff.post(f"{path}:dismiss", json={})).status_code == 422
    assert (await scenes.step(await people.coordinator(GUANGZHOU), problem["id"], "confirm"))[
        0
    ] == 200
    answer = await staff.patch(path, json={"title": "x"})
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


DECIDING = ("confirm", "dismiss", "reopen")  # what follows is in test_undertaking
LEADS_TO = {
    ("proposed", "confirm"): "confirmed",
    ("proposed", "dismiss"): "dismissed",
    ("confirmed", "dismiss"): "dismissed",
    ("dismissed", "reopen"): "proposed",
}
WAYS: dict[str, tuple[str, ...]] = {
    "proposed": (),
    "confirmed": ("confirm",),
    "dismissed": ("dismiss",),
}


@pytest.mark.parametrize("state", WAYS)
async def test_every_verb_from_every_state(
    staff: AsyncClient, problem: dict[str, Any], state: str
) -> None:
    for verb in DECIDING:
        for way in WAYS[state]:
            assert (await scenes.step(staff, problem["id"], way))[0] == 200
        offered = (await scenes.read(staff, problem["id"]))["allowed_actions"]
        assert set(offered) & set(DECIDING) == {v for v in DECIDING if (state, v) in LEADS_TO}
        status, body = await scenes.step(staff, problem["id"], verb)
        if (state, verb) in LEADS_TO:
            assert (status, body["state"]) == (200, LEADS_TO[state, verb])
            assert (body["confirmed_at"] is not None) == (body["state"] == "confirmed")
        else:
            assert (status, body["code"]) == (409, "wrong_state")
        now = await scenes.read(staff, problem["id"])
        for back in {"confirmed": ("dismiss", "reopen"), "dismissed": ("reopen",)}.get(
            now["state"], ()
        ):
            assert (await scenes.step(staff, problem["id"], back))[0] == 200


async def test_a_step_that_comes_twice_is_taken_once(
    staff: AsyncClient, problem: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    path = f"/common-problems/{problem['id']}:confirm"
    first = await staff.post(path, headers=headers)
    again = await staff.post(path, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json() == again.json()


async def test_asking_again_is_told_of_the_same_operation(people: People) -> None:
    one, other = await people.coordinator(), await people.coordinator()
    first, again = [(await one.post("/common-problems:propose")).json() for _ in range(2)]
    assert again["id"] == first["id"]
    assert (await other.post("/common-problems:propose")).json()["id"] != first["id"]


def test_a_demand_without_a_region_opens_a_problem_to_no_other_countys_staff() -> None:
    def problem(*regions: str | None) -> CommonProblem:
        return CommonProblem(organization_ids=[], region_codes=list(regions))

    staff = Actor(role=Role.COORDINATOR, account_id=uuid4(), region_code=YIWU)
    assert may_manage(staff, problem(YIWU, None))
    assert not may_manage(staff, problem(GUANGZHOU, None))
    assert may_manage(staff, problem(None, None))
