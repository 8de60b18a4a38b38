"""An operation as server-sent events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import anyio
import psycopg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL

from app.postgres.embedded import EmbeddedServer
from app.progress import events
from app.progress.following import advance, follow
from app.scopes import Sessions
from tests.app.progress.test_operations import refit
from tests.people import People


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)


@pytest.fixture
async def administrator(people: People) -> AsyncClient:
    return await people.administrator()


async def heard(client: AsyncClient, operation_id: str) -> list[dict[str, Any]]:
    """The whole stream's events: httpx's transport gives an answer when it has ended."""
    answer = await client.get(f"/operations/{operation_id}/events")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "etag" not in answer.headers
    blocks = [block.splitlines() for block in answer.text.split("\n\n") if block]
    assert all(block[0] == "event: operation" for block in blocks if block[0][0] != ":")
    lines = [line for block in blocks for line in block if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_a_listener_hears_how_far_it_is_until_the_end(
    app: FastAPI, administrator: AsyncClient
) -> None:
    sessions: Sessions = app.state.sessions
    operation = await refit(administrator)
    listening = asyncio.create_task(heard(administrator, operation["id"]))

    async def run() -> None:
        for done in range(1, 4):
            await asyncio.sleep(1)
            await advance(done, 3)

    await asyncio.sleep(1)
    await follow(sessions, UUID(operation["id"]), run)
    found = await asyncio.wait_for(listening, 10)
    # What changes between two looks is told as one.
    assert [event["state"] for event in (found[0], found[1], found[-1])] == [
        *("queued", "running", "done")
    ]
    assert {1, 2, 3} == {event["done_count"] for event in found} - {0}
    versions = [event["version"] for event in found]
    assert versions == sorted(set(versions))


async def test_of_what_has_ended_the_end_is_told(administrator: AsyncClient) -> None:
    operation = await refit(administrator)
    await administrator.post(f"/operations/{operation['id']}:cancel")
    (event,) = await heard(administrator, operation["id"])
    assert event == (await administrator.get(f"/operations/{operation['id']}")).json()


async def test_a_stream_lasts_no_longer_than_a_token(
    administrator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LONGEST_SECONDS", 0.2)
    operation = await refit(administrator)
    assert [event["state"] for event in await heard(administrator, operation["id"])] == ["queued"]


async def test_a_process_that_is_to_end_lets_its_listeners_go(
    app: FastAPI, administrator: AsyncClient
) -> None:
    operation = await refit(administrator)
    listening = asyncio.create_task(heard(administrator, operation["id"]))
    await asyncio.sleep(0.5)
    assert not listening.done()
    app.state.condition.is_ending = True
    try:
        assert [event["state"] for event in await asyncio.wait_for(listening, 10)] == ["queued"]
    finally:
        app.state.condition.is_ending = False


async def test_a_quiet_stream_has_a_heartbeat(
    administrator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    monkeypatch.setattr(events, "LONGEST_SECONDS", 0.5)
    operation = await refit(administrator)
    answer = await administrator.get(f"/operations/{operation['id']}/events")
    assert answer.text.count(": ping\n\n") > 2


@contextlib.asynccontextmanager
async def all_seats_taken(app: FastAPI) -> AsyncIterator[None]:
    seats: anyio.CapacityLimiter = app.state.listeners
    borrowers = [object() for _ in range(int(seats.available_tokens))]
    for borrower in borrowers:
        seats.acquire_on_behalf_of_nowait(borrower)
    yield
    for borrower in borrowers:
        seats.release_on_behalf_of(borrower)


async def test_listeners_are_bounded(
    app: FastAPI, administrator: AsyncClient, client: AsyncClient
) -> None:
    operation = await refit(administrator)
    await administrator.post(f"/operations/{operation['id']}:cancel")
    path = f"/operations/{operation['id']}/events"
    free = app.state.listeners.available_tokens
    async with all_seats_taken(app):
        answer = await administrator.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (await client.get(path)).status_code == 401
    await heard(administrator, operation["id"])
    assert app.state.listeners.available_tokens == free, "a seat is given back"


async def test_one_account_keeps_nobody_out(
    app: FastAPI, administrator: AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SEATS_EACH", 2)
    operation = await refit(administrator)
    path = f"/operations/{operation['id']}/events"
    streams = [asyncio.create_task(heard(administrator, operation["id"])) for _ in range(2)]
    await asyncio.sleep(0.5)
    answer = await administrator.get(path)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    other = asyncio.create_task(heard(await people.administrator(), operation["id"]))
    await asyncio.sleep(0.2)
    await administrator.post(f"/operations/{operation['id']}:cancel")
    await asyncio.wait_for(asyncio.gather(*streams, other), 30)
    assert not app.state.listening


async def test_a_listener_holds_no_connection(
    app: FastAPI, administrator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More listeners than the pool has connections, and the service still answers."""
    monkeypatch.setattr(events, "LOOK_SECONDS", 3600)  # after one look they only wait
    operation = await refit(administrator)
    streams = [asyncio.create_task(heard(administrator, operation["id"])) for _ in range(30)]
    pool = app.state.sessions.kw["bind"].pool
    try:
        async with asyncio.timeout(60):
            while sum(app.state.listening.values()) < len(streams) or pool.checkedout():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        answer = await administrator.post(f"/operations/{operation['id']}:cancel")
        assert answer.status_code == 200
    finally:
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    async with asyncio.timeout(60):  # who hangs up is noticed behind
        while app.state.listening:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.own_database
async def test_a_database_that_goes_away_ends_the_stream(
    administrator: AsyncClient, server: EmbeddedServer, database: URL
) -> None:
    operation = await refit(administrator)
    listening = asyncio.create_task(heard(administrator, operation["id"]))
    await asyncio.sleep(0.5)
    allow = f"ALTER DATABASE {database.database} ALLOW_CONNECTIONS"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"{allow} false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [database.database],
        )
        found = await asyncio.wait_for(listening, 10)
        connection.execute(f"{allow} true".encode())
    assert [event["state"] for event in found] == ["queued"]
