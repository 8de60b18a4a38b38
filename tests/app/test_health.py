"""Liveness and readiness say what is so, soon, and without the help of what they ask about."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import AWAY
from app.migration import is_behind, revisions
from app.postgres.probe import Probe

SOON = 10.0  # seconds; the bound itself is two, and the machine may be busy


@pytest.fixture
async def ready(app: FastAPI) -> FastAPI:
    """The application as it is once it has started."""
    app.state.condition.is_stopping = False
    await app.state.matcher.prepare()
    return app


async def asked(client: AsyncClient, path: str = "/readyz") -> Response:
    return await client.get(f"http://test{path}")


def obstacles(answer: Response) -> dict[str, str]:
    """What a 503 names, by the part of the service."""
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "unavailable"
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


async def test_ready_once_the_index_is_loaded(app: FastAPI, client: AsyncClient) -> None:
    assert obstacles(await asked(client)) == {"index": "not_loaded"}
    await app.state.matcher.prepare()
    assert (await asked(client)).json() == {"status": "ok"}


async def test_not_ready_while_stopping_but_alive(ready: FastAPI, client: AsyncClient) -> None:
    ready.state.condition.is_stopping = True
    assert obstacles(await asked(client)) == {"service": "stopping"}
    assert (await asked(client, "/livez")).status_code == 200


@pytest.mark.parametrize(
    ("present", "is_ready"), [(revisions()[0], False), (revisions()[-1], True), ("9999", True)]
)
async def test_ready_on_a_schema_that_has_all_that_is_needed(
    ready: FastAPI, client: AsyncClient, session: AsyncSession, present: str, is_ready: bool
) -> None:
    await session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": present})
    await session.commit()
    answer = await asked(client)
    assert (answer.status_code == 200) == is_ready
    if not is_ready:
        assert obstacles(answer) == {"schema": "behind"}


@pytest.mark.own_database
async def test_an_empty_database_is_behind(
    ready: FastAPI, client: AsyncClient, session: AsyncSession
) -> None:
    await session.execute(text("DROP TABLE alembic_version"))
    await session.commit()
    assert obstacles(await asked(client)) == {"schema": "behind"}
    assert is_behind(set())


async def test_dead_when_the_index_follows_no_more(ready: FastAPI, client: AsyncClient) -> None:
    async def fail() -> None:
        raise RuntimeError

    ready.state.condition.follower = asyncio.create_task(fail())
    await asyncio.wait({ready.state.condition.follower})
    assert obstacles(await asked(client, "/livez")) == {"follower": "ended"}
    assert "follower" in obstacles(await asked(client))


async def test_a_used_up_pool_does_not_keep_the_probe_waiting(
    ready: FastAPI, client: AsyncClient
) -> None:
    async with contextlib.AsyncExitStack() as held:
        for _ in range(20):
            session = await held.enter_async_context(ready.state.sessions())
            await session.connection()
        began_at = time.monotonic()
        assert (await asked(client)).status_code == 200
        assert time.monotonic() - began_at < SOON


class Silent:
    """A host that takes connections and says nothing."""

    def __init__(self) -> None:
        self.taken = 0
        self.has_ended = asyncio.Event()

    async def take(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        await self.has_ended.wait()
        writer.close()


@pytest.fixture
async def silent() -> AsyncIterator[tuple[Silent, URL]]:
    host = Silent()
    server = await asyncio.start_server(host.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield host, URL.create("postgresql+psycopg", "nobody", host="127.0.0.1", port=port)
    host.has_ended.set()
    server.close()
    await asyncio.sleep(0.1)  # whoever waits in `take` ends


async def test_a_silent_database_is_given_up_and_asked_once(
    ready: FastAPI, client: AsyncClient, silent: tuple[Silent, URL]
) -> None:
    host, url = silent
    question = ready.state.condition._revisions._question
    ready.state.condition._revisions = Probe(url, question, seconds=1.0)
    began_at = time.monotonic()
    answers = await asyncio.gather(*(asked(client) for _ in range(50)))
    assert time.monotonic() - began_at < SOON
    assert all(obstacles(answer) == {"database": "no_answer"} for answer in answers)
    assert host.taken == 1
    assert (await asked(client, "/livez")).status_code == 200


async def test_a_question_that_hangs_is_left_behind_and_not_asked_twice(database: URL) -> None:
    """Also when it cannot be cancelled."""
    asked_times = 0

    async def hang(_: object) -> None:
        nonlocal asked_times
        asked_times += 1
        for _ in range(10):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.3)

    probe = Probe(database, hang, seconds=0.2, fresh_seconds=0)
    for _ in range(4):
        with pytest.raises(TimeoutError):
            await probe.answer()
    assert asked_times == 1
    assert probe._asking is not None
    await asyncio.wait({probe._asking})


async def test_nobody_at_the_address(ready: FastAPI, client: AsyncClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = URL.create("postgresql+psycopg", host="127.0.0.1", port=free.getsockname()[1])
        probe = Probe(url, ready.state.condition._revisions._question)
        with pytest.raises(AWAY):
            await probe.answer()
        ready.state.condition._revisions = probe
        assert obstacles(await asked(client)) == {"database": "no_answer"}
