"""One request, one transaction, committed before the answer leaves."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL, event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from app.accounts.models import ApiKey, Role
from app.changes import operations as changes
from app.changes.models import Change
from app.clock import now
from app.database import AWAY, SessionDep, answered
from app.interface.errors import Conflict, NotSignedIn
from app.main import create_app
from app.postgres.embedded import EmbeddedServer
from app.postgres.probe import conninfo
from app.scopes import Scope, open_scope
from app.settings import Settings
from tests.people import People


class KeptConflict(Conflict):
    keeps_work = True


@pytest.fixture
async def probing(app: FastAPI, settings: Settings) -> AsyncIterator[AsyncClient]:
    """An application with routes that end in every way a request can."""
    probe = create_app(settings)
    probe.state.sessions = app.state.sessions

    @probe.post("/succeed")
    async def succeed(session: SessionDep) -> None:
        await changes.append(session, "probe", uuid4())

    @probe.post("/refuse")
    async def refuse(session: SessionDep) -> None:
        await changes.append(session, "probe", uuid4())
        raise NotSignedIn()

    @probe.post("/refuse-but-keep")
    async def refuse_but_keep(session: SessionDep) -> None:
        await changes.append(session, "probe", uuid4())
        raise KeptConflict()

    @probe.post("/fail")
    async def fail(session: SessionDep) -> None:
        await changes.append(session, "probe", uuid4())
        raise RuntimeError("unexpected")

    @probe.post("/fail-at-commit", status_code=201)
    async def fail_at_commit(session: SessionDep) -> None:
        await changes.append(session, "probe", uuid4())
        await open_scope(session, Scope.SERVICE)
        orphan = ApiKey(account_id=uuid4(), name="", prefix="", secret_hash=b"", is_read_only=True)
        session.add(orphan)

    transport = ASGITransport(app=probe, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "kept"),
    [
        ("/succeed", 200, 1),
        ("/refuse", 401, 0),
        ("/refuse-but-keep", 409, 1),
        ("/fail", 500, 0),
        ("/fail-at-commit", 409, 0),
    ],
)
async def test_what_a_request_leaves_behind(
    probing: AsyncClient, session: AsyncSession, path: str, status: int, kept: int
) -> None:
    answer = await probing.post(path)
    assert answer.status_code == status, answer.text
    assert await session.scalar(select(func.count()).select_from(Change)) == kept


async def test_records_have_id_times_and_version(people: People, session: AsyncSession) -> None:
    account = await people.account(Role.EXPERT)
    assert account.id.version == 7
    assert account.version == 1
    await session.refresh(account)
    assert account.created_at.utcoffset() == timedelta(0)
    assert abs(account.created_at - now()) < timedelta(minutes=1)
    before = account.updated_at
    account.display_name = "改名"
    await session.commit()
    assert account.version == 2
    assert account.updated_at > before


async def test_enums_are_stored_by_value(people: People, session: AsyncSession) -> None:
    await people.account(Role.ADMINISTRATOR)
    assert await session.scalar(text("SELECT role FROM accounts")) == "administrator"


def test_the_pool_logs_as_a_library(app: FastAPI) -> None:
    assert app.state.sessions.kw["bind"].pool.logger.name.startswith("sqlalchemy.")


async def test_sessions_speak_utc(session: AsyncSession) -> None:
    assert await session.scalar(text("SHOW timezone")) == "UTC"
    assert now().tzinfo is UTC


@pytest.mark.own_database
async def test_a_connection_that_the_server_ended_is_replaced_unseen(
    people: People, database: URL
) -> None:
    client = await people.administrator()
    assert (await client.get("/me")).status_code == 200
    address = database.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            [database.database],
        )
        assert ended.rowcount > 0
    assert (await client.get("/me")).status_code == 200


@pytest.mark.own_database
async def test_a_server_that_ends_every_connection_is_away(
    people: People, app: FastAPI, server: EmbeddedServer
) -> None:
    """As one does that shuts down: each is replaced, and the one in its place has ended, too."""
    client = await people.administrator()
    engine = app.state.sessions.kw["bind"].sync_engine
    with psycopg.connect(server.conninfo, autocommit=True) as other:

        def end(connection: Any, *_: object) -> None:
            pid = connection.driver_connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

        event.listen(engine, "connect", end)
        try:
            with pytest.raises(AWAY):
                await app.state.sessions().scalar(text("SELECT 1"))
            assert (await client.get("/me")).status_code == 503
        finally:
            event.remove(engine, "connect", end)
    assert (await client.get("/me")).status_code == 200


@pytest.mark.own_database
async def test_a_database_that_is_away_is_waited_for(
    server: EmbeddedServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.AWAY_SECONDS", 0.05)
    name = f"later_{os.getpid()}"

    async def ask() -> str:
        address = conninfo(server.url.set(database=name))
        async with await psycopg.AsyncConnection.connect(address) as connection:
            return connection.info.dbname

    waiting = asyncio.create_task(answered(ask, who="the test"))
    for _ in range(100):
        if "the test waits for the database: psycopg.OperationalError" in caplog.text:
            break
        await asyncio.sleep(0.05)
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        assert not waiting.done()
        connection.execute(f"CREATE DATABASE {name}".encode())
        assert await asyncio.wait_for(waiting, 10) == name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize(
    ("error", "awaited"),
    [
        (OSError(errno.ENOSPC, "no room"), "its files"),
        (ConnectionResetError(), "the database"),
        (TimeoutError(), "the database"),
    ],
)
async def test_a_full_disk_is_no_database_that_is_away(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    awaited: str,
) -> None:
    monkeypatch.setattr("app.database.AWAY_SECONDS", 0.0)
    failures = [error]

    async def ask() -> str:
        if failures:
            raise failures.pop()
        return "answered"

    assert await answered(ask, who="the test") == "answered"
    assert f"the test waits for {awaited}: " in caplog.text


async def test_who_asks_wrongly_does_not_wait() -> None:
    async def ask() -> None:
        raise ValueError("no such setting")

    with pytest.raises(ValueError, match="no such setting"):
        await answered(ask, who="the test")


ASKED = text("SELECT 'asked' WHERE CAST(:n AS integer) = 1")
PREPARED = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT ''ask%'")


async def test_statements_stay_prepared_when_work_is_undone(shared_owner: AsyncEngine) -> None:
    """But not when it met an error, which may be of a statement that returns something else now."""
    async with shared_owner.connect() as connection:
        for _ in range(6):
            await connection.execute(ASKED, {"n": 1})
        assert await connection.scalar(PREPARED) == 1
        async with connection.begin_nested() as savepoint:
            await savepoint.rollback()
        assert await connection.scalar(PREPARED) == 1
        await connection.rollback()
        assert await connection.scalar(PREPARED) == 1
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT 1 / 0"))
        await connection.rollback()
        assert await connection.scalar(PREPARED) == 0


EVERYTHING = text("SELECT * FROM altered")


@pytest.fixture
async def migration(shared_owner: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Beside a running service; there is a table that it may alter."""
    async with shared_owner.connect() as connection:
        await connection.execute(text("CREATE TABLE altered (value integer)"))
        await connection.commit()
        yield connection
        await connection.execute(text("DROP TABLE altered"))
        await connection.commit()


async def _alter(migration: AsyncConnection) -> None:
    await migration.execute(text("ALTER TABLE altered ALTER value TYPE text"))
    await migration.commit()


async def test_a_statement_that_returns_something_else_is_prepared_anew(
    migration: AsyncConnection, shared_owner: AsyncEngine
) -> None:
    async with shared_owner.connect() as service:
        for _ in range(7):
            await service.execute(EVERYTHING)
        await service.commit()
        await _alter(migration)
        with pytest.raises(DBAPIError, match="cached plan"):
            await service.execute(EVERYTHING)
        await service.rollback()
        await service.execute(EVERYTHING)


async def test_so_it_is_when_only_a_savepoint_has_met_the_error(
    migration: AsyncConnection, shared_owner: AsyncEngine
) -> None:
    async with shared_owner.connect() as service:
        async with service.begin_nested() as savepoint:  # the driver counts this, too
            await savepoint.rollback()
        for _ in range(7):
            await service.execute(EVERYTHING)
        await service.commit()
        await _alter(migration)
        with pytest.raises(DBAPIError, match="cached plan"):
            async with service.begin_nested():
                await service.execute(EVERYTHING)
        await service.commit()
        await service.execute(EVERYTHING)
