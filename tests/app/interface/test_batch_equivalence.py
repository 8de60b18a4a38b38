"""A batch is its items one after another, and the document's examples of it run."""

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.organizations.models import Organization
from tests.app.achievements import achievements
from tests.app.demands.forms import COMPLETE, CREDIT_CODES, WITH_REASON, give_code
from tests.app.experts import profiles
from tests.app.interface.batches import fates, post
from tests.people import GUANGZHOU, YIWU, People

COLLECTIONS = ("organizations", "memberships", "experts", "achievements", "demands")
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
