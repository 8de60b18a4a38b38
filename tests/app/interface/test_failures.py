"""What fails within: no internals are told, and what may pass is said to pass."""

import asyncio
import errno
import logging

import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import URL, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from app import main
from app.accounts.models import Account, Role
from app.database import SessionDep
from app.interface.failures import from_http
from app.main import create_app, services
from app.postgres.embedded import EmbeddedServer
from app.settings import Settings
from tests.app.interface.problems import assert_problem, client_of, without_database
from tests.people import People

SIGN_IN = {"email": "nobody@test.invalid", "password": "correct-horse-42"}


async def test_database_away(settings: Settings) -> None:
    async with client_of(without_database(settings)) as client:
        for answer in (
            await client.post("/auth:sign-in", json=SIGN_IN),
            await client.get("http://test/readyz"),
        ):
            problem = assert_problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert "127.0.0.1" not in answer.text
            assert problem["detail"] is None
        assert (await client.get("http://test/livez")).status_code == 200


async def test_what_stays_locked_is_told_of(
    settings: Settings,
    service_database: URL,
    people: People,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As by the account's own batch; who waits without end keeps a connection from the others."""
    monkeypatch.setattr(main, "LOCK_SECONDS", 1)
    account = await people.account(Role.EXPERT)
    app = create_app(settings)
    async with services(app, service_database), People(app, session) as impatient:
        client = await impatient.client(account)
        await session.execute(select(Account).where(Account.id == account.id).with_for_update())
        async with asyncio.timeout(20):
            answer = await client.patch("/me", json={"display_name": "另名"})
        assert_problem(answer, 503, "busy")
        assert answer.headers["retry-after"] == "5"
        await session.rollback()
        assert (await client.patch("/me", json={"display_name": "另名"})).status_code == 200


@pytest.mark.own_database
async def test_service_goes_on_when_its_connections_were_cut(
    people: People, server: EmbeddedServer, database: URL
) -> None:
    staff = await people.coordinator()
    assert (await staff.get("/experts")).status_code == 200
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        # Waits for their end: a backend that has yet to notice would still take the next query.
        cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        assert connection.execute(cut, [database.database]).rowcount > 0
    assert (await staff.get("/experts")).status_code == 200


async def test_fault_tells_nothing_and_keeps_its_id(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": ("https://pool.test",)}))

    @app.get("/fault")
    async def fail() -> None:
        raise RuntimeError("the secret of the house")

    headers = {"X-Request-ID": "trace-0001", "Origin": "https://pool.test"}
    async with client_of(app) as client:
        with caplog.at_level(logging.ERROR):
            answer = await client.get("http://test/fault", headers=headers)
    assert assert_problem(answer, 500, "internal_error")["request_id"] == "trace-0001"
    assert "secret" not in answer.text
    assert answer.headers["access-control-allow-origin"] == "https://pool.test"
    assert "the secret of the house" in caplog.text


async def test_a_full_disk_has_a_name(app: FastAPI, settings: Settings) -> None:
    """PostgreSQL's, the one that uploads are spooled to, and the service's own."""
    probe = create_app(settings)
    probe.state.sessions = app.state.sessions

    @probe.get("/database")
    async def database(session: SessionDep) -> None:
        await session.execute(text("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$"))

    @probe.get("/own")
    async def own() -> None:
        raise OSError(errno.ENOSPC, "no room")

    @probe.get("/other")
    async def other() -> None:
        raise OSError(errno.EIO, "broken")

    full = HTTPException(400)
    full.__cause__ = OSError(errno.EDQUOT, "no room")
    assert from_http(full).code == "storage_full"
    assert from_http(HTTPException(400)).code == "malformed_request"
    async with client_of(probe) as client:
        for path in ("database", "own"):
            answer = await client.get(f"http://test/{path}")
            assert_problem(answer, 503, "storage_full")
            assert int(answer.headers["retry-after"]) > 0
        assert_problem(await client.get("http://test/other"), 500, "internal_error")


async def test_broken_constraint_is_a_conflict(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    staff = await people.coordinator()
    body = {"name": "某人", "region_code": "330782", "orcid": "0000-0002-1825-0097"}
    assert (await staff.post("/experts", json=body)).status_code == 201
    answer = await staff.post("/experts", json=body)
    assert_problem(answer, 409, "conflict")
    assert "INSERT" not in answer.text
    assert "experts_orcid" in caplog.text
    assert "experts" not in answer.text
    assert "0000-0002-1825-0097" not in answer.text
