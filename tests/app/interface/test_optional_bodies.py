"""A body that requires nothing may be left out, and every convention still holds."""

from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.interface.batch_items import actions_of, batch_model
from app.interface.optional_bodies import with_optional_body
from app.interface.routing import DomainRouter
from app.interface.schemas import Body, Reason
from tests.app.audit.entries import entries_of
from tests.app.dockings.scenes import Scene, docked, recommended
from tests.app.interface.problems import assert_problem
from tests.people import People

INVITE = "POST /dockings/{docking_id}:invite"


class Wish(Body):
    note: Annotated[str, Field(max_length=5)] = ""


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    return await recommended(people, session)


async def answered(body: bytes) -> Response:
    """What an endpoint says to the body that was given an optional one."""

    async def wish(data: Wish, other: str = "") -> dict[str, Any]:
        return {"note": data.note, "sent": sorted(data.sent_names()), "other": other}

    app = FastAPI()
    app.post("/wish")(with_optional_body(wish))
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        headers = {"Content-Type": "application/json"}
        return await client.post("/wish?other=x", content=body, headers=headers)


@pytest.mark.parametrize("body", [b"", b"null", b"{}"])
async def test_none_is_an_empty_one(body: bytes) -> None:
    answer = await answered(body)
    assert (answer.status_code, answer.json()) == (200, {"note": "", "sent": [], "other": "x"})


async def test_one_that_is_sent_is_checked() -> None:
    sent = {"note": "好", "sent": ["note"], "other": "x"}
    assert (await answered(b'{"note": "\xe5\xa5\xbd"}')).json() == sent
    for wrong in (b'{"note": "abcdef"}', b'{"nota": ""}', b"[]", b'""'):
        assert (await answered(wrong)).status_code == 422, wrong


def test_what_requires_something_is_left_as_it_is() -> None:
    async def refuse(data: Reason) -> None: ...

    async def withdraw() -> None: ...

    assert with_optional_body(refuse) is refuse
    assert with_optional_body(withdraw) is withdraw


async def test_a_step_without_a_word(scene: Scene, session: AsyncSession) -> None:
    """The same under its key, and the audit log tells of the fields that were sent alone."""
    path = f"/dockings/{await docked(scene)}:invite"
    key = {"Idempotency-Key": "b0a7f1d2"}
    first = await scene.staff.post(path, headers=key)
    assert first.status_code == 200, first.text
    again = await scene.staff.post(path, headers=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    other = await scene.staff.post(path, json={"note": "请再看"}, headers=key)
    assert_problem(other, 422, "idempotency_key_reused")
    entries = await entries_of(session, action=INVITE)
    assert [(entry.status, entry.fields) for entry in entries] == [
        (200, []),
        (200, []),
        (422, ["note"]),
    ]


async def test_a_change_without_a_body_is_none(scene: Scene) -> None:
    path, headers = f"/demands/{scene.demand.id}", {"If-Match": "*"}
    assert_problem(await scene.enterprise.patch(path, headers=headers), 422, "invalid")


def test_an_item_of_a_batch_needs_none_either() -> None:
    router = DomainRouter("things")

    @router.post("/things")
    async def create_thing(data: Reason) -> None: ...

    @router.post("/things/{thing_id:uuid}:praise")
    async def praise_thing(thing_id: str, data: Wish) -> None: ...

    batch = batch_model("Thing", actions_of(router, "things"))
    record_id = "0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"
    items: list[Any] = [{"action": "praise", "id": record_id}, {"action": "create"}]
    praised, created = batch.model_validate({"items": items}).items
    assert praised.data == Wish()
    assert [error.pointer for error in created.errors] == ["/data"]
