"""Migrations beside a service in use: nobody waits behind one for long, and none is half done."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection
from sqlalchemy import URL, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import migration
from app.database import create_engine, open_engine
from app.migration import VERSIONS, StillBlocked, WrongEncoding, WrongSchema, revisions, upgrade
from app.postgres.embedded import EmbeddedServer
from app.postgres.probe import conninfo
from app.settings import Settings

pytestmark = pytest.mark.own_database

HEAD = """
from alembic import op
from migrations import online

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {statement}


def downgrade() -> None:
    pass
"""
ADD_COLUMN = 'op.execute("ALTER TABLE organizations ADD COLUMN probe integer")'
BUILD_INDEX = 'online.create_index("ix_probe", "regions", ["name"])'
BUILD_UNIQUE = 'online.create_index("ix_probe", "regions", ["level"], unique=True)'
# Of this database: the tests beside have locks in theirs.
ADVISORY_LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND datname = current_database()
"""
INDEX_STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_probe')"


@pytest.fixture
async def engine(database: URL, settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database, settings)
    yield engine
    await engine.dispose()


@pytest.fixture
async def another(database: URL) -> AsyncIterator[AsyncConnection]:
    address = database.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await AsyncConnection.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def reader(database: URL) -> AsyncIterator[AsyncConnection]:
    address = database.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await AsyncConnection.connect(address, autocommit=True) as connection:
        yield connection


def versions(folder: Path, *statements: str) -> tuple[Path, ...]:
    """The schema's revisions and some more."""
    previous = revisions()[-1]
    for number, statement in enumerate(statements):
        revision = f"9{number:03}"
        source = HEAD.format(revision=revision, previous=previous, statement=statement)
        (folder / f"{revision}_probe.py").write_text(source, encoding="utf-8")
        previous = revision
    return (*VERSIONS, folder)


async def one(connection: AsyncConnection, statement: str) -> object:
    row = await (await connection.execute(statement.encode())).fetchone()
    return None if row is None else row[0]


async def test_nobody_waits_for_long_behind_a_migration_that_waits(
    engine: AsyncEngine, another: AsyncConnection, reader: AsyncConnection, tmp_path: Path
) -> None:
    await another.execute("BEGIN")
    await another.execute("SELECT FROM organizations")  # a long report, say
    migrating = asyncio.create_task(upgrade(engine, versions=versions(tmp_path, ADD_COLUMN)))
    longest, ends_at = 0.0, time.monotonic() + 8
    while time.monotonic() < ends_at:
        began_at = time.monotonic()
        await reader.execute("SELECT FROM organizations LIMIT 1")
        longest = max(longest, time.monotonic() - began_at)
        await asyncio.sleep(0.05)
    assert not migrating.done()
    assert 0.5 < longest < 5, "it waited, but for the lock's timeout at most"
    await another.execute("COMMIT")
    async with asyncio.timeout(30):
        await migrating
    assert await one(reader, "SELECT version_num FROM alembic_version") == "9000"


async def test_a_table_that_stays_locked_is_said_so(
    engine: AsyncEngine, another: AsyncConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(migration.LIMITS, "lock_timeout", "100ms")
    await another.execute("BEGIN")
    await another.execute("SELECT FROM organizations")
    with pytest.raises(StillBlocked) as caught:
        await upgrade(engine, versions=versions(tmp_path, ADD_COLUMN), patience=0)
    assert "pg_stat_activity" in str(caught.value)
    await another.execute("COMMIT")
    await upgrade(engine, versions=versions(tmp_path, ADD_COLUMN))


async def test_what_a_connection_was_limited_to_ends_with_the_migration(
    engine: AsyncEngine,
) -> None:
    await upgrade(engine)
    async with engine.connect() as connection:
        for name in migration.LIMITS:
            assert await connection.scalar(text(f"SHOW {name}")) == "0"


async def test_an_index_is_built_while_rows_are_written(
    engine: AsyncEngine, another: AsyncConnection, reader: AsyncConnection, tmp_path: Path
) -> None:
    write = "UPDATE regions SET name = name WHERE code = '{}'"
    await another.execute("BEGIN")
    await another.execute(write.format(330782).encode())
    building = asyncio.create_task(upgrade(engine, versions=versions(tmp_path, BUILD_INDEX)))
    for _ in range(20):
        await asyncio.wait_for(reader.execute(write.format(440100).encode()), timeout=2)
        await asyncio.sleep(0.1)
    assert not building.done(), "it waits for the transaction that writes"
    await another.execute("COMMIT")
    async with asyncio.timeout(30):
        await building
    assert await one(reader, INDEX_STATE) is True


async def test_an_index_is_removed_while_rows_are_read(
    engine: AsyncEngine, another: AsyncConnection, reader: AsyncConnection, tmp_path: Path
) -> None:
    """It waits for whoever reads; those who come meanwhile do not wait for it."""
    await upgrade(engine, versions=versions(tmp_path, BUILD_INDEX))
    assert await one(reader, INDEX_STATE) is True
    chain = versions(tmp_path, BUILD_INDEX, 'online.drop_index("ix_probe")')
    await another.execute("BEGIN")
    await another.execute("SELECT FROM regions")
    removing = asyncio.create_task(upgrade(engine, versions=chain))
    for _ in range(10):
        await asyncio.wait_for(reader.execute("SELECT FROM regions"), timeout=2)
        await asyncio.sleep(0.1)
    assert not removing.done()
    await another.execute("COMMIT")
    async with asyncio.timeout(30):
        await removing
    assert await one(reader, INDEX_STATE) is None


async def test_an_index_whose_build_failed_is_built_again(
    engine: AsyncEngine, reader: AsyncConnection, tmp_path: Path
) -> None:
    with pytest.raises(IntegrityError):
        await upgrade(engine, versions=versions(tmp_path, ADD_COLUMN, BUILD_UNIQUE))
    assert await one(reader, INDEX_STATE) is False
    assert await one(reader, "SELECT version_num FROM alembic_version") == "9000"
    chain = versions(tmp_path, ADD_COLUMN, BUILD_UNIQUE.replace('"level"', '"code"'))
    await upgrade(engine, versions=chain)
    assert await one(reader, INDEX_STATE) is True


async def test_processes_that_start_together_build_an_index_once(
    database: URL, settings: Settings, reader: AsyncConnection, tmp_path: Path
) -> None:
    chain = versions(tmp_path, ADD_COLUMN, BUILD_UNIQUE.replace('"level"', '"code"'))
    engines = [create_engine(database, settings) for _ in range(4)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(upgrade(engine, versions=chain) for engine in engines))
    for engine in engines:
        await engine.dispose()
    assert await one(reader, INDEX_STATE) is True
    assert await one(reader, ADVISORY_LOCKS) == 0


async def test_values_are_required_of_a_table_in_use(
    engine: AsyncEngine, reader: AsyncConnection, tmp_path: Path
) -> None:
    statement = 'online.require_values("regions", "parent_code")'
    with pytest.raises(IntegrityError):
        await upgrade(engine, versions=versions(tmp_path, statement))
    await reader.execute("UPDATE regions SET parent_code = code WHERE parent_code IS NULL")
    await upgrade(engine, versions=versions(tmp_path, statement))
    with pytest.raises(psycopg.errors.NotNullViolation):
        await reader.execute("UPDATE regions SET parent_code = NULL WHERE code = '330782'")
    left = "SELECT count(*) FROM pg_constraint WHERE conname = 'ck_regions_parent_code_not_null'"
    assert await one(reader, left) == 0


async def test_a_login_whose_tables_would_stand_elsewhere_is_refused(
    server: EmbeddedServer, settings: Settings
) -> None:
    """As where a schema is called like the login: a backup would find nothing to write down."""
    name, login = "another_schema", server.url.username
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        url = server.url.set(database=name)
        with psycopg.connect(conninfo(url), autocommit=True) as own:
            own.execute(f'CREATE SCHEMA "{login}"'.encode())
            async with open_engine(url, settings) as engine:
                with pytest.raises(WrongSchema, match=f"{login}.*SET search_path = public"):
                    await upgrade(engine)
            assert own.execute("SELECT to_regclass('organizations')").fetchone() == (None,)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_of_another_encoding_is_refused_first(
    server: EmbeddedServer, settings: Settings, encoding: str
) -> None:
    """As initdb makes it where no locale is set; SQLAlchemy stumbles over SQL_ASCII at once."""
    name = f"encoded_{encoding.lower()}"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0"
            " LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'".encode()
        )
        engine = create_engine(server.url.set(database=name), settings)
        with pytest.raises(WrongEncoding, match=f"数据库编码为 {encoding}.*TEMPLATE template0"):
            await upgrade(engine)
        await engine.dispose()
        connection.execute(f"DROP DATABASE {name}".encode())
