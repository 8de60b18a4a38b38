"""Batches of one account come one after another: exactly, whatever happens to the first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import main
from app.accounts.models import Account, Role
from app.experts.models import Expert
from app.interface import refusal_log
from app.main import create_app, services
from app.settings import Settings
from tests.app.experts import profiles
from tests.people import YIWU, People

# What holds up a batch that changes an expert: while it works, and in its commit.
WORK = "SELECT FROM experts FOR UPDATE"
COMMIT = "LOCK TABLE audit_entries IN EXCLUSIVE MODE"
WAITING = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")


@pytest.fixture(params=["", "off", "all=1000/1"])
async def processes(
    request: pytest.FixtureRequest,
    settings: Settings,
    service_database: URL,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[list[FastAPI]]:
    """Two, as it were, whose limits make no difference here; what is held up waits for long."""
    monkeypatch.setattr(main, "LOCK_SECONDS", 60)
    limits = settings.model_copy(update={"rate_limits": request.param})
    found = [create_app(limits) for _ in range(2)]
    async with AsyncExitStack() as running:
        for app in found:
            await running.enter_async_context(services(app, service_database))
        yield found


@asynccontextmanager
async def caller(app: FastAPI, account: Account) -> AsyncIterator[AsyncClient]:
    headers = {"Authorization": f"Bearer {app.state.access_tokens.write(account.id)}"}
    async with AsyncClient(
        transport=ASGITransport(app=app), base_url="http://test/api/v1", headers=headers
    ) as client:
        yield client


async def batch(client: AsyncClient, *items: Any, key: str | None = None) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"items": items or [{"action": "submit", "id": str(uuid4())}]}
    return await client.post("/experts:batch", json=body, headers=headers)


def retitled(expert: Expert) -> dict[str, Any]:
    return {"action": "update", "id": str(expert.id), "if_match": "*", "data": {"title": "院士"}}


async def until_one_waits(holder: AsyncSession) -> None:
    """Until a transaction waits for what the holder's has locked."""
    async with asyncio.timeout(10):
        while True:
            if await holder.scalar(WAITING):
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("lock", [WORK, COMMIT])
async def test_the_second_is_refused_until_the_first_has_committed(
    processes: list[FastAPI],
    people: People,
    session: AsyncSession,
    lock: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusal_log, "ANSWER_SECONDS", 0.1)
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    expert = await profiles.store(session)
    async with caller(processes[0], account) as one, caller(processes[1], account) as other:
        await session.execute(text(lock))
        first = asyncio.create_task(batch(one, retitled(expert)))
        await until_one_waits(session)
        for client in (one, other):
            refused = await batch(client)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.headers["retry-after"] == "5"
        assert not first.done()
        await session.rollback()
        assert (await first).status_code == 200
        for client in (one, other):
            assert (await batch(client)).status_code == 200


async def test_a_repetition_does_not_wait_for_its_batch(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """It would hold a connection; and the batches of others come meanwhile."""
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    other = await people.coordinator()
    item, key = retitled(await profiles.store(session)), "k1"
    async with caller(app, account) as client:
        await session.execute(text(WORK))
        first = asyncio.create_task(batch(client, item, key=key))
        await until_one_waits(session)
        repeated = await asyncio.gather(*(batch(client, item, key=key) for _ in range(30)))
        assert {answer.status_code for answer in repeated} == {429}
        assert (await batch(other)).status_code == 200
        assert not first.done()
        await session.rollback()
        done, again = await first, await batch(client, item, key=key)
        assert (done.status_code, again.content) == (200, done.content)
        assert again.headers["idempotent-replayed"] == "true"


async def test_a_batch_that_begins_again_has_the_turn_again(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """After a deadlock, which ends its transaction."""
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    expert, other = await profiles.store(session), await profiles.store(session)
    creation = {"name": "甲", "region_code": YIWU, "external_id": "E1"}
    items = [retitled(expert), {"action": "create", "data": creation}]
    async with caller(app, account) as client:
        await session.execute(text("SET LOCAL deadlock_timeout = '1min'"))  # the batch gives way
        values = {"id": other.id}
        await session.execute(text("UPDATE experts SET external_id = 'E1' WHERE id = :id"), values)
        first = asyncio.create_task(batch(client, *items))
        await until_one_waits(session)
        await session.execute(text(WORK))
        await until_one_waits(session)
        assert (await batch(client)).status_code == 429
        assert not first.done()
        await session.rollback()
        results = (await first).json()["results"]
        assert [result["status"] for result in results] == [200, 201]
