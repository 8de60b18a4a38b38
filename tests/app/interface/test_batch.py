"""`:batch`: each item as a request of its own, in one transaction."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.demands.completeness import FORM_TEXT_LIMIT, KEYWORD_LIMIT
from app.experts.models import Expert
from app.interface.batch_items import MAX_ITEMS
from app.organizations.models import Organization
from app.settings import Settings
from tests.app.achievements import achievements
from tests.app.demands.forms import COMPLETE, CREDIT_CODES, OPEN_BID, WITH_REASON, give_code
from tests.app.experts import profiles
from tests.people import GUANGZHOU, YIWU, People

COLLECTIONS = ("organizations", "memberships", "experts", "achievements", "demands")


async def post(
    client: AsyncClient, collection: str, *items: Any, atomic: bool = False, key: str | None = None
) -> Response:
    body = {"items": items, "atomic": atomic}
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(f"/{collection}:batch", json=body, headers=headers)


async def results(client: AsyncClient, collection: str, *items: Any) -> list[dict[str, Any]]:
    answer = await post(client, collection, *items)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    assert len(found) == len(items)
    return found


def fates(found: list[dict[str, Any]]) -> list[tuple[int, str | None]]:
    return [(result["status"], (result["problem"] or {}).get("code")) for result in found]


def creation(**fields: Any) -> dict[str, Any]:
    return {"action": "create", "data": {"name": "甲", "region_code": YIWU} | fields}


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator()


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
        ["pass-formal-review", "return", "refuse", *HANDED_ON],
        ["publish", "return", "refuse", *HANDED_ON],
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


@pytest.mark.parametrize("count", [0, 501])
async def test_a_batch_has_one_to_five_hundred_items(staff: AsyncClient, count: int) -> None:
    answer = await post(staff, "experts", *[creation()] * count)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/items"]


async def test_five_hundred_items(staff: AsyncClient, session: AsyncSession) -> None:
    found = await results(staff, "experts", *[creation(name=f"第{n}") for n in range(500)])
    assert [result["body"]["name"] for result in found] == [f"第{n}" for n in range(500)]
    assert await session.scalar(select(func.count(Expert.id))) == 500


async def test_five_hundred_demands_fit_whose_forms_are_full(app: FastAPI) -> None:
    """As long as may be submitted, and more than any other body may be."""
    text = "锦" * FORM_TEXT_LIMIT
    texts = ("problem", "key_indicators", "expected_outcome", "public_summary")
    full: dict[str, Any] = dict.fromkeys(("title", "contact_name"), text[:300])
    full |= dict.fromkeys(texts, text) | {"keywords": [text[:50]] * KEYWORD_LIMIT}
    items = [{"action": "create", "data": COMPLETE | OPEN_BID | full}] * MAX_ITEMS
    size = len(json.dumps({"items": items}, ensure_ascii=False).encode())
    limits: Settings = app.state.settings
    assert limits.max_json_bytes < size < limits.max_batch_bytes


async def test_answers_grow_no_larger_than_a_body_may(
    app: FastAPI, staff: AsyncClient, session: AsyncSession
) -> None:
    """A few bytes may ask for a record of megabytes, and be sent five hundred times."""
    expert = await profiles.store(session, introduction="锦" * 1_000)
    item = {"action": "suspend", "id": str(expert.id), "data": {"reason": "出国"}}
    back = {"action": "reinstate", "id": str(expert.id)}
    allowed = app.state.settings
    app.state.settings = allowed.model_copy(update={"max_body_bytes": 10_000})
    try:
        answer = await post(staff, "experts", *[item, back] * 5)
    finally:
        app.state.settings = allowed
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert (await staff.get(f"/experts/{expert.id}")).json()["version"] == 1


async def test_problems_speak_the_callers_language(staff: AsyncClient) -> None:
    item = creation(disciplines=["999"])
    staff.headers["Accept-Language"] = "en"
    (result,) = await results(staff, "experts", item)
    assert "no code 999" in result["problem"]["errors"][0]["detail"]


async def test_batches_over_the_same_records_wait_for_each_other(
    people: People, staff: AsyncClient, session: AsyncSession
) -> None:
    experts = [await profiles.store(session) for _ in range(20)]
    ids = [str(expert.id) for expert in experts]

    def updates(order: list[str], word: str) -> list[dict[str, Any]]:
        return [
            {"action": "update", "id": i, "if_match": "*", "data": {"title": word}} for i in order
        ]

    orders = [ids, ids[::-1], ids[7:] + ids[:7], ids[::-1]]
    answers = await asyncio.gather(
        *[
            post(await people.coordinator(), "experts", *updates(order, f"第{n}"))
            for n, order in enumerate(orders)
        ]
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {r["status"] for answer in answers for r in answer.json()["results"]} == {200}
    for expert_id in ids:
        found = (await staff.get(f"/experts/{expert_id}")).json()
        assert found["version"] == 5  # nothing is lost


async def test_batches_that_meet_at_unique_values_do_not_end_in_a_deadlock(
    people: People, staff: AsyncClient, session: AsyncSession
) -> None:
    """Rows that do not exist yet cannot be locked in order: one gives way and begins again."""
    items = [creation(external_id=f"E{n}") for n in range(10)]
    answers = await asyncio.gather(
        post(staff, "experts", *items), post(await people.coordinator(), "experts", *items[::-1])
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    statuses = [[r["status"] for r in answer.json()["results"]] for answer in answers]
    for first, second in zip(statuses[0], statuses[1][::-1], strict=True):
        assert sorted((first, second)) == [201, 409]
    assert await session.scalar(select(func.count(Expert.id))) == 10


DATA = st.sampled_from(
    [
        {"title": "改"},
        {"title": ""},
        {"keywords": ["锦纶"]},
        {"keywords": [str(n) for n in range(9)]},
        {"region_code": GUANGZHOU},
        {"organization_id": str(UUID(int=7))},
        {"external_id": "D1"},
        {"nonsense": 1},
    ]
)
HANDED_ON = ("submit-up", "share")  # no level is below a county
VERBS = ("submit", "begin-review", "pass-formal-review", "publish", "return", "refuse", "withdraw")


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, int, str | None, Any]:
    """(action, number of the record, version that was seen, body)"""
    action = draw(st.sampled_from(("create", "update", "update", *VERBS)))
    seen = draw(st.sampled_from((None, "*", '"1"', '"2"')))
    if action in ("create", "update"):
        return action, draw(st.integers(0, 2)), seen, draw(DATA)
    reasons = st.sampled_from(({"reason": "请补充"}, {"reason": ""}))
    body = draw(reasons) if action in WITH_REASON else None
    return action, draw(st.integers(0, 2)), seen, body


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(is_member=st.booleans(), asked=st.lists(steps(), min_size=1, max_size=10))
async def test_a_batch_is_its_items_one_after_another(
    people: People, session: AsyncSession, is_member: bool, asked: list[Any]
) -> None:
    """Two copies of the same records: one takes the single requests, the other their batch."""
    organization = await people.organization()
    await give_code(session, organization, organization.id.hex[-18:])
    member = await people.enterprise(organization)
    client = member if is_member else await people.coordinator()
    copies = [await copy_of(member, organization) for _ in range(2)]
    singly = [await alone(client, copies[0], step) for step in asked]
    items = [item_of(copies[1], step) for step in asked]
    answers = await post(client, "demands", *items)
    together = [(r["status"], plain(r["body"] or r["problem"])) for r in answers.json()["results"]]
    assert together == [(status, plain(body)) for status, body in singly]
    assert await histories(session, copies[0]) == await histories(session, copies[1])


async def copy_of(member: AsyncClient, organization: Organization) -> list[str]:
    """Three demands: a draft, one handed in, one that is not there."""
    form = COMPLETE | {"organization_id": str(organization.id)}
    ids = [(await member.post("/demands", json=form)).json()["id"] for _ in range(2)]
    await member.post(f"/demands/{ids[1]}:submit")
    return [*ids, str(UUID(int=1))]


async def alone(client: AsyncClient, ids: list[str], step: Any) -> tuple[int, Any]:
    action, number, seen, body = step
    headers = {"If-Match": seen} if seen else {}
    if action == "create":
        answer = await client.post("/demands", json=body | {"organization_id": None})
    elif action == "update":
        client.event_hooks, hooks = {}, client.event_hooks
        answer = await client.patch(f"/demands/{ids[number]}", json=body, headers=headers)
        client.event_hooks = hooks
    else:
        path = f"/demands/{ids[number]}:{action}"
        answer = await client.post(path, json=body, headers=headers)
    return answer.status_code, answer.json()


def item_of(ids: list[str], step: Any) -> dict[str, Any]:
    action, number, seen, body = step
    item: dict[str, Any] = {"action": action}
    if action == "create":
        return item | {"data": body | {"organization_id": None}}
    item |= {"id": ids[number]} | ({"if_match": seen} if seen else {})
    return item if body is None else item | {"data": body}


def plain(body: Any) -> Any:
    """Without what differs between two copies: ids, times, and how far a pointer has to go."""
    shown = {k: v for k, v in body.items() if k not in ("id", "request_id") and k[-3:] != "_at"}
    for error in shown.get("errors", ()):
        error["pointer"] = "/" + error["pointer"].rpartition("/data/")[2].removeprefix("/")
    return shown


async def histories(session: AsyncSession, ids: list[str]) -> list[Any]:
    """What the change record holds on each of the records, in order."""
    found = []
    for demand_id in ids:
        rows = await session.execute(
            select(Change.kind, Change.actor_id, Change.data)
            .where(Change.subject_id == UUID(demand_id))
            .order_by(Change.id)
        )
        found.append([tuple(row) for row in rows])
    await session.rollback()
    return found


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_the_documents_examples_run(
    application: FastAPI, people: People, collection: str, session: AsyncSession
) -> None:
    """On a complete draft each item is done, or refused by the state of the record alone."""
    path = f"/api/v1/{collection}:batch"
    content = application.openapi()["paths"][path]["post"]["requestBody"]["content"]
    items = content["application/json"]["example"]["items"]
    ids = await known_ids(people, session)
    administrator = await people.administrator()
    for item in items:
        if "id" in item:
            item["id"] = ids[collection]
        for name in {"organization_id", "account_id"} & item.get("data", {}).keys():
            item["data"][name] = ids[name]
        # The second item sees to it that nothing is written.
        answer = await post(administrator, collection, item, {"action": "none"}, atomic=True)
        status, code = fates(answer.json()["results"])[0]
        assert (status, code) in ((424, "not_done"), (409, "wrong_state")), answer.text
    assert items[0]["action"] == "create"
    assert len(items) > 1


async def known_ids(people: People, session: AsyncSession) -> dict[str, str]:
    """A record of every collection, and ids that bodies may name."""
    staff = await people.administrator()
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[1])
    account = await people.account(Role.EXPERT, region_code=YIWU)
    member = await people.account(Role.EXPERT, region_code=YIWU)
    membership = await people.join(member, await people.organization())
    demand = COMPLETE | {"organization_id": str(organization.id)}
    made = {
        "experts": await staff.post("/experts", json=profiles.COMPLETE),
        "achievements": await staff.post("/achievements", json=achievements.COMPLETE),
        "demands": await staff.post("/demands", json=demand),
    }
    return {name: str(answer.json()["id"]) for name, answer in made.items()} | {
        "organizations": str(organization.id),
        "organization_id": str(organization.id),
        "memberships": str(membership),
        "account_id": str(account.id),
    }
