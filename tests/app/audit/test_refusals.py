"""What is refused is told of once, whoever undoes the work around it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.clock import now
from app.interface import rate_limits, refusal_log
from app.interface.auditing import Trace
from app.interface.models import AuditEntry
from app.main import create_app, services
from app.metrics.instruments import exposition
from app.scopes import Sessions
from app.settings import Settings
from tests.app.audit.entries import entries_of, entry_of, owning
from tests.app.experts.profiles import store
from tests.app.metrics.samples import of, samples
from tests.people import GUANGZHOU, YIWU, People

LOST = "audit_entries_lost_total"


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


async def test_items_that_are_refused_alike_are_one_entry(
    people: People, session: AsyncSession
) -> None:
    """It says which and how many; else one request would write five hundred."""
    staff = await people.enterprise()
    ids = [uuid4() for _ in range(492)]
    items: list[Any] = [{"action": "submit", "id": str(i)} for i in ids]
    items += [{"action": "create", "data": {"title": n}} for n in range(7)]  # these have no id
    items += [{"action": "dance"}]
    for body in ({"items": items}, {"items": items, "atomic": True}):
        await staff.post("/demands:batch", json=body)
    found = [e for e in await entries_of(session) if e.code != "batch_refused"]
    refused = [e for e in found if e.code]
    assert told(refused) == sorted(
        2
        * [
            ("POST /demands", 422, "invalid", ()),
            ("POST /demands/{demand_id}:submit", 404, "not_found", tuple(ids)),
            ("POST /demands:batch", 422, "invalid", ()),
        ]
    )
    counts = {entry.action: entry.item_count for entry in refused}
    assert counts == {
        "POST /demands": 7,
        "POST /demands/{demand_id}:submit": 492,
        "POST /demands:batch": 1,
    }
    assert {entry.item_count for entry in await entries_of(session, code="batch_refused")} == {None}


@pytest.fixture
async def held(app: FastAPI) -> AsyncIterator[AsyncSession]:
    """Somebody holds the log for as long as their transaction lasts."""
    async with owning(app) as owner:
        await owner.execute(text("LOCK TABLE audit_entries IN EXCLUSIVE MODE"))
        yield owner


async def test_a_refusal_outlasts_a_slow_log(
    app: FastAPI,
    people: People,
    session: AsyncSession,
    held: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer does not wait for long, and its entry says when it was."""
    monkeypatch.setattr(refusal_log, "ANSWER_SECONDS", 0.2)
    client = await people.expert()
    answers = [await client.get(f"/demands/{uuid4()}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404] * 3
    told_at = now()
    await asyncio.sleep(1)
    await held.rollback()
    await app.state.refusal_log.drain()
    entries = await entries_of(session, code="not_found")
    assert {e.request_id for e in entries} == {a.headers["x-request-id"] for a in answers}
    assert all(entry.happened_at < told_at for entry in entries)


async def test_nothing_is_refused_that_cannot_be_recorded(
    app: FastAPI,
    people: People,
    session: AsyncSession,
    held: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where too many wait, nobody learns what they asked, and none of those that wait is lost."""
    monkeypatch.setattr(refusal_log, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(refusal_log, "MOST", 3)
    client = await people.expert()
    answers = [await client.get(f"/demands/{uuid4()}") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [404] * 3 + [503] * 2
    assert answers[-1].json()["code"] == "unavailable"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "ratelimit" in answers[-1].headers
    assert (await client.get("/me")).status_code == 200, "what is not refused goes on"
    await held.rollback()
    await app.state.refusal_log.drain()
    assert (await client.get(f"/demands/{uuid4()}")).status_code == 404
    assert len(await entries_of(session, code="not_found")) == 4


async def test_a_process_that_ends_writes_what_is_left(
    settings: Settings,
    service_database: URL,
    people: People,
    session: AsyncSession,
    held: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusal_log, "ANSWER_SECONDS", 0.1)
    ending = create_app(settings)
    token = ending.state.access_tokens.write((await people.account(Role.EXPERT)).id)
    transport = ASGITransport(app=ending)
    headers = {"Authorization": f"Bearer {token}"}
    async with asyncio.TaskGroup() as group, services(ending, service_database):
        async with AsyncClient(
            transport=transport, base_url="http://test/api/v1", headers=headers
        ) as client:
            for _ in range(5):
                assert (await client.get(f"/demands/{uuid4()}")).status_code == 404
        group.create_task(_let_go(held))
    assert len(await entries_of(session, code="not_found")) == 5


async def _let_go(held: AsyncSession) -> None:
    await asyncio.sleep(0.5)
    await held.rollback()


@dataclass(eq=False)
class Deaf:
    """Sessions that are cut off when the first of them has committed."""

    sessions: Sessions
    has_heard: bool = True

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        async with self.sessions.begin() as session:
            yield session
        if self.has_heard:
            self.has_heard = False
            raise ConnectionResetError("cut off")


async def test_a_commit_of_which_nobody_heard_is_one(
    app: FastAPI, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusal_log, "AWAY_SECONDS", 0.05)
    own, deaf = refusal_log.RefusalLog(), Deaf(app.state.sessions)
    async with own.writing(cast(Sessions, deaf)):
        await own.record(Trace(action="GET /probes", status=404, code="not_found"))
    assert not deaf.has_heard
    assert (await entry_of(session, "GET /probes")).code == "not_found"


@pytest.mark.parametrize(
    "unfit",
    [
        {"status": 99_999},
        {"fields": {"\x00"}},
        {"action": object()},
        {"path_ids": ("no id",)},
    ],
    ids=["out of range", "no text", "no value", "no id"],
)
async def test_an_entry_that_is_refused_for_good_keeps_back_no_other(
    app: FastAPI, session: AsyncSession, caplog: pytest.LogCaptureFixture, unfit: dict[str, Any]
) -> None:
    own, before = refusal_log.RefusalLog(), of(samples(exposition().decode()), LOST)
    refused: dict[str, Any] = {"status": 404, "code": "not_found"}
    traces = [Trace(action=f"GET /probes/{n}", **refused) for n in range(9)]
    lost = Trace(**{"action": "GET /probes"} | refused | unfit)
    async with own.writing(app.state.sessions):
        async with asyncio.timeout(5):
            await asyncio.gather(*(own.record(each) for each in [*traces[:4], lost, *traces[4:]]))
            await own.drain()
            await own.record(Trace(action="GET /probes/9", **refused))
    found = {entry.action for entry in await entries_of(session)}
    assert found == {f"GET /probes/{n}" for n in range(10)}
    assert f"entry {lost.id} is lost" in caplog.text
    assert of(samples(exposition().decode()), LOST) == before + 1


@dataclass(eq=False)
class Faulty:
    """Sessions of a program that has a fault."""

    sessions: Sessions
    has_failed: bool = False

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        if not self.has_failed:
            self.has_failed = True
            raise RuntimeError
        async with self.sessions.begin() as session:
            yield session


async def test_no_error_ends_the_writing(app: FastAPI, session: AsyncSession) -> None:
    own, faulty = refusal_log.RefusalLog(), Faulty(app.state.sessions)
    async with own.writing(cast(Sessions, faulty)), asyncio.timeout(5):
        traces = [Trace(action=f"GET /probes/{n}", status=404, code="x") for n in range(3)]
        await asyncio.gather(*(own.record(each) for each in traces))
        await own.drain()
    assert faulty.has_failed
    assert len(await entries_of(session, code="x")) == 3


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
