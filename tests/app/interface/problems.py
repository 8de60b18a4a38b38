"""What every problem has, and services that have them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from app.database import create_engine
from app.health import Condition
from app.interface import errors
from app.main import create_app
from app.matches.index.ranking import create_matcher
from app.scopes import create_sessions
from app.settings import Settings


def assert_problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == errors.MEDIA_TYPE
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    return problem


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


def without_database(settings: Settings) -> FastAPI:
    """A service whose database is away, so that no refusal can be recorded either."""
    app = create_app(settings)
    engine = create_engine("postgresql+psycopg://somebody@127.0.0.1:1/nothing", settings)
    app.state.sessions = create_sessions(engine)
    matcher = create_matcher(settings, app.state.sessions)
    app.state.condition = Condition(url=engine.url, matcher=matcher)
    return app
