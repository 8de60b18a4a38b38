"""How much a batch may hold and answer, and batches that meet each other."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.completeness import FORM_TEXT_LIMIT, KEYWORD_LIMIT
from app.experts.models import Expert
from app.interface.batch_items import MAX_ITEMS
from app.settings import Settings
from tests.app.demands.forms import COMPLETE, OPEN_BID
from tests.app.experts import profiles
from tests.app.interface.batches import creation, post, results, staff
from tests.people import People

__all__ = ["staff"]  # fixtures


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
