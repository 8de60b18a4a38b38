"""`:batch`: each item as a request of its own, in one transaction."""

import asyncio
from uuid import UUID

from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.experts.models import Expert
from tests.app.demands.forms import COMPLETE, CREDIT_CODES, give_code
from tests.app.experts import profiles
from tests.app.interface.batches import HANDED_ON, creation, fates, post, results, staff
from tests.people import GUANGZHOU, YIWU, People

__all__ = ["staff"]  # fixtures


async def test_results_stand_in_the_order_of_the_items(
    staff: AsyncClient, session: AsyncSession
) -> None:
    known = await profiles.store(session)
    found = await results(
        staff,
        "experts",
        creation(name="一"),
        {"action": "update", "id": str(known.id), "if_match": '"1"', "data": {"title": "院士"}},
        {"action": "suspend", "id": str(known.id), "data": {"reason": "出国"}},
        {"action": "reinstate", "id": str(known.id), "if_match": '"3"'},
        creation(name="二"),
    )
    assert [result["status"] for result in found] == [201, 200, 200, 200, 201]
    assert [result["body"]["name"] for result in found] == ["一", *["曾小贤"] * 3, "二"]
    assert [result["body"]["version"] for result in found] == [1, 2, 3, 4, 1]
    for result in found:
        assert result["problem"] is None
        assert (await staff.get(f"/experts/{result['body']['id']}")).status_code == 200
    assert (await staff.get(f"/experts/{known.id}")).json() == found[3]["body"]


async def test_a_refused_item_leaves_nothing_and_the_others_stand(
    staff: AsyncClient, session: AsyncSession
) -> None:
    found = await results(
        staff,
        "experts",
        creation(external_id="E1"),
        creation(external_id="E1"),
        creation(region_code=GUANGZHOU),
        creation(disciplines=["540", "999"]),
        {"action": "dance", "id": str(UUID(int=1))},
        {"data": {}},
        7,
        {"action": "submit", "id": str(UUID(int=1))},
        {"action": "submit", "id": "1"},
        creation(evidence=[{"kind": "patent"}]),
        creation(),
    )
    assert fates(found) == [
        (201, None),
        (409, "conflict"),
        (403, "forbidden"),
        *[(422, "invalid")] * 4,
        (404, "not_found"),
        *[(422, "invalid")] * 2,
        (201, None),
    ]
    faults = [error for result in found for error in (result["problem"] or {}).get("errors", ())]
    assert [(error["pointer"], error["code"]) for error in faults] == [
        ("/items/3/data/disciplines/1", "unknown_code"),
        ("/items/4", "union_tag_invalid"),
        ("/items/5", "union_tag_not_found"),
        ("/items/6", "model_attributes_type"),
        ("/items/8/id", "uuid_parsing"),
        ("/items/9/data/evidence/0/title", "missing"),
    ]
    assert faults[2]["detail"].startswith("缺少 'action'，可选值：'create'、")
    assert all(result["body"] is None for result in found if result["problem"])
    assert await session.scalar(select(func.count(Expert.id))) == 2
    assert await session.scalar(select(func.count(Change.id))) == 2


async def test_what_a_step_lacks_is_said_with_the_items_place(staff: AsyncClient) -> None:
    draft = (await staff.post("/experts", json={"name": "甲", "region_code": YIWU})).json()
    step = {"action": "submit", "id": draft["id"]}
    (result,) = await results(staff, "experts", step)
    single = (await staff.post(f"/experts/{draft['id']}:submit")).json()
    expected = [f"/items/0/data{error['pointer']}" for error in single["errors"]]
    assert [error["pointer"] for error in result["problem"]["errors"]] == expected
    assert expected


async def test_an_update_names_the_version_that_was_seen(
    staff: AsyncClient, session: AsyncSession
) -> None:
    expert = await profiles.store(session)
    update = {"action": "update", "id": str(expert.id), "data": {"title": "院士"}}
    tag = (await staff.get(f"/experts/{expert.id}")).headers["etag"]
    found = await results(
        staff,
        "experts",
        update,
        update | {"if_match": '"99"'},
        update | {"if_match": tag},
        update | {"if_match": tag},
        update | {"if_match": "*"},
        {"action": "suspend", "id": str(expert.id), "if_match": tag, "data": {"reason": "出国"}},
    )
    assert fates(found) == [
        (428, "precondition_required"),
        (412, "precondition_failed"),
        (200, None),
        (412, "precondition_failed"),
        (200, None),
        (412, "precondition_failed"),
    ]


async def test_roles_and_jurisdictions_are_those_of_the_single_routes(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    member = await people.enterprise(organization)
    create = {"action": "create", "data": COMPLETE}
    (made,) = await results(member, "demands", create)
    demand_id = made["body"]["id"]
    steps = [{"action": verb, "id": demand_id} for verb in ("submit", "begin-review", "publish")]
    assert fates(await results(member, "demands", *steps)) == [
        (200, None),
        *[(403, "forbidden")] * 2,
    ]
    stranger = await people.enterprise()
    assert fates(await results(stranger, "demands", steps[0])) == [(404, "not_found")]
    elsewhere = await people.coordinator(GUANGZHOU)
    assert fates(await results(elsewhere, "demands", steps[1])) == [(404, "not_found")]
    staff = await people.coordinator()
    found = await results(
        staff,
        "demands",
        *[{"action": v, "id": demand_id} for v in ("begin-review", "pass-formal-review")],
    )
    assert [r["body"]["allowed_actions"] for r in found] == [
        ["pass-formal-review", "return", "refuse", "withdraw", *HANDED_ON],
        ["publish", "return", "refuse", "withdraw", *HANDED_ON],
    ]
    kinds = select(Change.kind).where(Change.subject_id == UUID(demand_id)).order_by(Change.id)
    assert (await session.scalars(kinds)).all() == [
        f"demand.{state}"
        for state in ("created", "submitted", "formal_review", "department_review")
    ]


async def test_an_item_sees_what_the_one_before_made_of_the_caller(
    people: People, session: AsyncSession
) -> None:
    """Who has left an organization no longer sees its other members, from the next item on."""
    organization = await people.organization()
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    own = await people.join(account, organization)
    colleague = await people.account(Role.ENTERPRISE, region_code=YIWU)
    other = await people.join(colleague, organization)
    steps = [{"action": "revoke", "id": str(m)} for m in (other, own, other)]
    found = await results(await people.client(account), "memberships", *steps)
    assert fates(found) == [(403, "forbidden"), (200, None), (404, "not_found")]


async def test_all_or_nothing(staff: AsyncClient, session: AsyncSession) -> None:
    bad = creation(disciplines=["999"])
    refused = await post(staff, "experts", creation(), bad, {"action": "submit"}, atomic=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "batch_refused")
    body = refused.json()
    assert fates(body["results"]) == [(424, "not_done"), (422, "invalid"), (422, "invalid")]
    expected = ["/items/1/data/disciplines/0", "/items/2/id"]
    assert [error["pointer"] for error in body["errors"]] == expected
    assert [e["pointer"] for r in body["results"] for e in r["problem"]["errors"]] == expected
    assert await session.scalar(select(func.count(Expert.id))) == 0
    done = await post(staff, "experts", creation(), creation(), atomic=True)
    assert [result["status"] for result in done.json()["results"]] == [201, 201]
    assert await session.scalar(select(func.count(Expert.id))) == 2


async def test_a_batch_that_comes_twice_is_done_once(
    staff: AsyncClient, session: AsyncSession
) -> None:
    items = [creation(), creation(disciplines=["999"]), creation()]
    answers = await asyncio.gather(
        *(post(staff, "experts", *items, key="c0ffee") for _ in range(5))
    )
    done = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 429}, "the others come again"
    again = await post(staff, "experts", *items, key="c0ffee")
    assert {answer.content for answer in done} == {again.content}
    assert sum("idempotent-replayed" not in answer.headers for answer in done) == 1
    assert again.headers["idempotent-replayed"] == "true"
    assert await session.scalar(select(func.count(Expert.id))) == 2
    other = await post(staff, "experts", creation(), key="c0ffee")
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_refused_atomic_batch_may_come_again_under_its_key(staff: AsyncClient) -> None:
    expert = (await staff.post("/experts", json={"name": "甲", "region_code": YIWU})).json()
    step = {"action": "submit", "id": expert["id"]}
    assert (await post(staff, "experts", step, atomic=True, key="c0ffee")).status_code == 409
    whole = {"If-Match": "*"}
    await staff.patch(f"/experts/{expert['id']}", json=profiles.COMPLETE, headers=whole)
    assert (await post(staff, "experts", step, atomic=True, key="c0ffee")).status_code == 200


async def test_problems_speak_the_callers_language(staff: AsyncClient) -> None:
    item = creation(disciplines=["999"])
    staff.headers["Accept-Language"] = "en"
    (result,) = await results(staff, "experts", item)
    assert "no code 999" in result["problem"]["errors"][0]["detail"]
