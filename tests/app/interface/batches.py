"""Batches as a client sends them, and what each of their items came to."""

from typing import Any

import pytest
from httpx import AsyncClient, Response

from tests.people import YIWU, People


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


HANDED_ON = ("submit-up", "share")  # no level is below a county
