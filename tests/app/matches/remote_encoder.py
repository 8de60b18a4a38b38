"""The application with an encoder behind an endpoint of this machine, and a worker beside it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import AnyHttpUrl, SecretStr
from sqlalchemy import URL, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import observed, queue
from app.matches.index.encoding import MatchingWork
from app.matches.models import StoredVector
from app.scopes import Scope, within
from app.settings import EncoderKind, Settings
from tests.app.matches import embeddings_server
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.app.matches.scenes import another_process

NAME = "remote/bigrams"
TIMEOUT_SECONDS = 2.0


@pytest.fixture
def endpoint() -> Iterator[EmbeddingsServer]:
    with embeddings_server.running() as server:
        yield server


@pytest.fixture
def remote(settings: Settings, endpoint: EmbeddingsServer, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={
            "var_folder": tmp_path,
            "encoder": EncoderKind.REMOTE,
            "encoder_url": AnyHttpUrl(endpoint.url),
            "encoder_model": "bigrams",
            "encoder_api_key": SecretStr("key"),
            "encoder_timeout_seconds": TIMEOUT_SECONDS,
            "encoder_needs_consent": False,
        }
    )


@pytest.fixture
async def app(remote: Settings, service_database: URL) -> AsyncIterator[FastAPI]:
    """The application with the endpoint as its encoder."""
    async with another_process(remote, service_database) as app:
        yield app


@pytest.fixture
def work(app: FastAPI) -> MatchingWork:
    return work_of(app)


def work_of(app: FastAPI) -> MatchingWork:
    """What a worker holds; here it shares the application's encoder and indexes."""
    return MatchingWork(sessions=within(app.state.sessions, Scope.INDEX), matcher=app.state.matcher)


async def run_jobs(work: MatchingWork) -> None:
    """Encode, and all that waits, by a real worker."""
    await queue.tasks["encode_texts"].defer_async()
    await run_waiting(work)


async def run_waiting(work: MatchingWork) -> None:
    """All the jobs that wait, and those that they ask for."""
    await queue.run_worker_async(
        wait=False,
        listen_notify=False,
        install_signal_handlers=False,
        worker_middleware=[observed],
        additional_context={"matching": work},
    )


async def pending_of(staff: AsyncClient) -> dict[str, int]:
    return {item["pool"]: item["pending"] for item in (await staff.get("/match-indexes")).json()}


async def count(session: AsyncSession, **columns: Any) -> int:
    statement = select(func.count()).select_from(StoredVector).filter_by(**columns)
    found = await session.scalar(statement) or 0
    await session.commit()
    return found


@asynccontextmanager
async def at(app: FastAPI, account_id: Any) -> AsyncIterator[AsyncClient]:
    token = app.state.access_tokens.write(account_id)
    async with AsyncClient(
        transport=ASGITransport(app=app, raise_app_exceptions=False),
        base_url="http://test/api/v1",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client
