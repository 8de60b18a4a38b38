"""What is refused is told of once, whoever undoes the work around it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes.models import Change
from app.interface import rate_limits
from app.interface.models import AuditEntry
from app.main import create_app, services
from app.settings import Settings
from tests.app.audit.entries import entries_of, entry_of
from tests.app.experts.profiles import store
from tests.people import GUANGZHOU, YIWU, People


def creation(**fields: Any) -> dict[str, Any]:
    return {"action": "create", "data": {"name": "甲", "region_code": YIWU} | fields}


def told(entries: Sequence[AuditEntry]) -> list[tuple[Any, ...]]:
    return sorted((e.action, e.status, e.code, tuple(e.record_ids)) for e in entries)


async def test_a_batch_is_one_entry_and_one_for_each_refused_item(
    people: People, session: AsyncSession
) -> None:
    """Nobody tries unseen, in a batch, what they may do."""
    staff = await people.coordinator()
    mine, other = await store(session), await store(session, region_code=GUANGZHOU)
    items = [
        creation(external_id="E1"),
        creation(external_id="E1", title="院士"),
        {"action": "suspend", "id": str(mine.id), "data": {"reason": "出国"}},
        {"action": "suspend", "id": str(other.id), "data": {"reason": "出国"}},
        {"action": "dance", "id": str(mine.id)},
    ]
    answer = await staff.post("/experts:batch", json={"items": items})
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 409, 200, 403, 422]
    entry = await entry_of(session, "POST /experts:batch", status=200)
    assert entry.record_ids == [UUID(results[0]["body"]["id"]), mine.id], "what was undone is not"
    assert set(entry.fields) >= {"items", "action", "data", "external_id", "title", "reason"}
    refused = [e for e in await entries_of(session) if e.code]
    assert told(refused) == [
        ("POST /experts", 409, "conflict", ()),
        ("POST /experts/{expert_id}:suspend", 403, "forbidden", (other.id,)),
        ("POST /experts:batch", 422, "invalid", ()),
    ]
    for refusal in refused:
        assert refusal.request_id == entry.request_id
        assert (refusal.account_id, refusal.network) == (entry.account_id, entry.network)
    (suspension,) = [e for e in refused if e.record_ids]
    assert suspension.fields == ["reason"]
    changes = await session.scalars(select(Change).where(Change.entry_id == entry.id))
    assert {change.subject_id for change in changes} == set(entry.record_ids)


async def test_a_batch_that_was_undone_tells_what_refused_it(
    people: People, session: AsyncSession
) -> None:
    staff = await people.coordinator()
    other = await store(session, region_code=GUANGZHOU)
    step = {"action": "suspend", "id": str(other.id), "data": {"reason": "出国"}}
    body = {"items": [creation(), step], "atomic": True}
    assert (await staff.post("/experts:batch", json=body)).status_code == 409
    assert told(await entries_of(session)) == [
        ("POST /experts/{expert_id}:suspend", 403, "forbidden", (other.id,)),
        ("POST /experts:batch", 409, "batch_refused", ()),
    ]


async def test_a_flood_that_the_limits_hold_off_fills_no_log(
    settings: Settings, service_database: URL, app: FastAPI, session: AsyncSession, monkeypatch: Any
) -> None:
    limited = create_app(settings.model_copy(update={"rate_limits": "sign-in=2/36000"}))
    body = {"email": "li@test.invalid", "password": "wrong-horse-43"}
    async with services(limited, service_database):
        for host in ("198.51.100.7", "203.0.113.7"):
            transport = ASGITransport(app=limited, client=(host, 40_000))
            async with AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
                answers = [await client.post("/auth:sign-in", json=body) for _ in range(12)]
                assert [a.status_code for a in answers] == [401] * 2 + [429] * 10
                monkeypatch.setattr(rate_limits, "TOLD_SECONDS", 0.0)
                await client.post("/auth:sign-in", json=body)
                monkeypatch.undo()
    for network in ("198.51.100.0/24", "203.0.113.0/24"):
        entries = await entries_of(session, network=network)
        codes = [entry.code for entry in entries]
        assert codes == ["not_signed_in"] * 2 + ["rate_limited"] * 2
