"""A request that hangs is given up; one that is slow to send its body, or to be sent, is not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from app.database import SessionDep
from app.main import create_app
from app.settings import Settings

SECONDS = 0.5


@pytest.fixture
async def hanging(app: FastAPI, settings: Settings) -> AsyncIterator[AsyncClient]:
    probe = create_app(settings.model_copy(update={"request_seconds": SECONDS}))
    probe.state.sessions = app.state.sessions
    has_ended = asyncio.Event()

    @probe.get("/asleep")
    async def asleep() -> None:
        await asyncio.sleep(60)

    @probe.get("/deaf")
    async def deaf() -> None:
        while not has_ended.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.25)

    @probe.get("/in-the-database")
    async def in_the_database(session: SessionDep) -> None:
        await session.execute(text("SELECT pg_sleep(60)"))

    @probe.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @probe.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b"x"
                await asyncio.sleep(SECONDS / 2)

        return StreamingResponse(parts())

    transport = ASGITransport(app=probe, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    has_ended.set()


@pytest.mark.parametrize("path", ["/asleep", "/deaf", "/in-the-database"])
async def test_what_hangs_is_answered_503(hanging: AsyncClient, path: str) -> None:
    async with asyncio.timeout(30):
        answer = await hanging.get(path, headers={"Origin": "http://elsewhere"})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_slow_upload_goes_on(hanging: AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"12345"
            await asyncio.sleep(SECONDS / 2)

    answer = await hanging.post("/body", content=parts())
    assert (answer.status_code, answer.json()) == (200, 25)


async def test_an_answer_that_has_begun_is_not_cut(hanging: AsyncClient) -> None:
    assert (await hanging.get("/stream")).text == "xxxxx"


async def test_the_connection_is_free_again(hanging: AsyncClient, app: FastAPI) -> None:
    pool = app.state.sessions.kw["bind"].pool
    assert (await hanging.get("/in-the-database")).status_code == 503
    async with asyncio.timeout(30):
        while pool.checkedout():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
