"""A request that comes twice under one key is done once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.clock import now
from app.demands.models import Demand
from app.experts.models import Expert
from app.interface import idempotency
from app.interface.models import KeptAnswer
from app.settings import Settings
from tests.app.demands.forms import COMPLETE
from tests.app.experts import profiles
from tests.people import YIWU, People

EXPERT: dict[str, Any] = {"name": "甲", "region_code": YIWU, "organization_name": "某大学"}
KEY = {"Idempotency-Key": "b0a7f1d2"}
# Their answers hold secrets or change nothing.
UNKEPT = {
    "/auth:finish-sign-in",
    "/auth:finish-with-provider",
    "/auth:start-with-provider",
    "/me/identities:start",
    "/me/second-factor:confirm",
    "/me/second-factor:disable",
    "/me/second-factor:enrol",
    "/me/second-factor:renew-recovery-codes",
    "/auth:sign-in",
    "/auth:refresh",
    "/auth:sign-out",
    "/auth:reset-password",
    "/me:change-password",
    "/me:erase",
    "/accounts/{account_id}:issue-password-reset",
    "/api-keys",
    "/matches:preview",
    "/demands/{demand_id}:propose-team",
    "/conflicts:check",
    "/webhooks",
    "/webhooks/{webhook_id}:rotate-secret",
}


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator()


async def experts(session: AsyncSession) -> int:
    return await session.scalar(select(func.count(Expert.id))) or 0


async def post(client: AsyncClient, **changes: Any) -> Response:
    return await client.post("/experts", json=EXPERT | changes, headers=KEY)


async def test_the_same_answer_again(staff: AsyncClient, session: AsyncSession) -> None:
    first, second = await post(staff), await post(staff)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert await experts(session) == 1


async def test_twenty_at_once_are_one(staff: AsyncClient, session: AsyncSession) -> None:
    answers = await asyncio.gather(*(post(staff) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await experts(session) == 1


async def test_another_request_under_the_key_is_refused(
    staff: AsyncClient, session: AsyncSession
) -> None:
    made = await post(staff)
    other = await post(staff, name="乙")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    elsewhere = await staff.post(f"/experts/{made.json()['id']}:submit", headers=KEY)
    assert elsewhere.json()["code"] == "idempotency_key_reused"
    assert await experts(session) == 1


async def test_the_same_content_elsewhere_is_another_request(staff: AsyncClient) -> None:
    paths = [f"/experts/{(await profiles.enter(staff))['id']}:submit" for _ in "12"]
    first, again = [await staff.post(paths[0], headers=KEY) for _ in "12"]
    assert first.status_code == 200, first.text
    assert again.content == first.content
    for other in (paths[1], f"{paths[0]}?again=1"):
        answer = await staff.post(other, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_keys_belong_to_accounts(people: People, staff: AsyncClient) -> None:
    first, second = await post(staff), await post(await people.coordinator())
    assert second.status_code == 201
    assert first.json()["id"] != second.json()["id"]


async def test_who_has_lost_a_right_is_not_shown_the_answer_again(
    people: People, staff: AsyncClient, session: AsyncSession
) -> None:
    """Nor is it done again: that might be for another organization."""
    organization, account = await people.organization(), await people.account(Role.ENTERPRISE)
    membership = await people.join(account, organization)
    member = await people.client(account)
    made = await member.post("/demands", json=COMPLETE, headers=KEY)
    assert made.status_code == 201
    assert (await member.post("/demands", json=COMPLETE, headers=KEY)).content == made.content
    assert (await staff.post(f"/memberships/{membership}:revoke")).is_success
    again = await member.post("/demands", json=COMPLETE, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
    assert (await member.get(f"/demands/{made.json()['id']}")).status_code == 404
    assert await session.scalar(select(func.count(Demand.id))) == 1


async def test_what_was_sent_cannot_be_tried_out(app: FastAPI, staff: AsyncClient) -> None:
    """By whoever has what is kept of it and not the service's key: it means nothing without."""
    assert (await post(staff)).status_code == 201
    before: Settings = app.state.settings
    app.state.settings = before.model_copy(update={"secret_key": SecretStr("another")})
    try:
        assert (await post(staff)).json()["code"] == "idempotency_key_reused"
    finally:
        app.state.settings = before
    assert (await post(staff)).headers["idempotent-replayed"] == "true"


async def test_what_failed_has_never_been(staff: AsyncClient, session: AsyncSession) -> None:
    assert (await post(staff, region_code="440100")).status_code == 403
    assert (await post(staff, disciplines=["nonsense"])).status_code == 422
    assert (await post(staff)).status_code == 201
    assert await experts(session) == 1


async def test_a_key_is_forgotten_after_a_day(staff: AsyncClient, session: AsyncSession) -> None:
    first = await post(staff)
    await session.execute(update(KeptAnswer).values(created_at=now() - timedelta(hours=25)))
    await session.commit()
    second = await post(staff)
    assert second.json()["id"] != first.json()["id"]
    assert (await post(staff)).content == second.content
    await session.execute(update(KeptAnswer).values(created_at=now() - timedelta(hours=25)))
    await idempotency.forget_old(session)
    assert await session.scalar(select(func.count(KeptAnswer.key))) == 0


async def test_answers_that_show_a_record_can_be_forgotten(
    staff: AsyncClient, session: AsyncSession
) -> None:
    """In the answer itself, in one of a batch, or only in the path: and no others."""
    paths = {
        "single": ("/experts", EXPERT),
        "batch": ("/experts:batch", {"items": [{"action": "create", "data": EXPERT}] * 2}),
    }
    ids = dict[str, str]()
    for name, (path, body) in paths.items():
        answer = await staff.post(path, json=body, headers={"Idempotency-Key": name})
        assert answer.is_success, answer.text
        shown = answer.json()
        ids[name] = shown["id"] if name == "single" else shown["results"][1]["body"]["id"]
    title = {"kind": "award", "title": "某奖"}
    path = f"/experts/{ids['single']}/evidence"
    answer = await staff.post(path, json=title, headers={"Idempotency-Key": "evidence"})
    assert answer.is_success, answer.text
    for name, left in (("single", {"batch"}), ("batch", set[str]())):
        await idempotency.forget_about(session, [UUID(ids[name])])
        await session.commit()
        assert set((await session.scalars(select(KeptAnswer.key))).all()) == left


async def test_answers_of_before_are_forgotten_with_any(
    staff: AsyncClient, session: AsyncSession
) -> None:
    """Nobody can tell what they show: a process of the last version may have kept them."""
    await post(staff)
    await session.execute(update(KeptAnswer).values(record_ids=None))
    await idempotency.forget_about(session, [UUID(int=1)])
    assert await session.scalar(select(func.count(KeptAnswer.key))) == 0


@pytest.mark.parametrize("key", ["", "a" * 256, "with space", "幂等".encode().decode("latin-1")])
async def test_keys_are_visible_characters(staff: AsyncClient, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    answer = await staff.post("/experts", json=EXPERT, headers=headers)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["Idempotency-Key"]


async def test_a_file_sent_again_is_the_same_request(staff: AsyncClient) -> None:
    async def send(content: bytes) -> Response:
        files = {"file": ("experts.jsonl", content)}
        return await staff.post("/imports", data={"kind": "experts"}, files=files, headers=KEY)

    first, second = await send(b"{}"), await send(b"{}")
    assert first.status_code == 202, first.text
    assert second.json()["id"] == first.json()["id"]
    assert (await send(b'{"name": "x"}')).status_code == 422


def test_every_post_keeps_its_answer_or_is_listed(application: FastAPI) -> None:
    unkept = {
        str(context.path_format).removeprefix("/api/v1")
        for context in iter_route_contexts(application.routes)
        if "POST" in (context.methods or set())
        and not getattr(context.original_route, "keeps_answers", False)
    }
    assert unkept == UNKEPT
