"""Bring a database to the present schema, beside services that go on reading and writing.

A migration that waits for a lock makes everybody wait who comes after it, so it waits for moments
only, lets the others pass, and tries again. Each revision is a transaction of its own, which holds
its locks no longer than itself; what must not stand in one, `migrations.online` does.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Sequence
from functools import cache
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import migrations
from app.changes.epochs import begin_epoch
from app.interface.language import Text
from app.operators import OperatorError
from app.postgres.errors import RoleError
from app.postgres.probe import conninfo
from app.postgres.roles import SCHEMA

FOLDER = Path(migrations.__file__).parent
VERSIONS = (FOLDER / "versions",)
TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtext('migration'))")
UNLOCK = text("SELECT pg_advisory_unlock(hashtext('migration'))")
# How long others may have to wait behind a statement that waits, and how long one may run.
LIMITS = {"lock_timeout": "3s", "statement_timeout": "60s"}
OWNED_BY_ANOTHER = (
    "SELECT tableowner FROM pg_tables"
    f" WHERE schemaname = '{SCHEMA}' AND tablename = 'alembic_version'"
    " AND NOT pg_has_role(tableowner, 'USAGE')"
)
PLACE = "SELECT quote_ident(current_user), current_schema()"
UTF8 = "UTF8"
BLOCKED = frozenset({"55P03", "40P01"})  # lock_not_available, deadlock_detected
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 2.0
TURN_SECONDS = 0.2


class StillBlocked(OperatorError):
    """Some table stayed locked for too long."""

    def __init__(self) -> None:
        super().__init__(
            "数据库结构未能更新：别的事务一直占用着表。请结束它（pg_stat_activity）后重试",
            "the schema could not be changed: some transaction keeps a table locked."
            " End it (see pg_stat_activity) and try again",
        )


class WrongEncoding(OperatorError):
    """The database cannot hold Chinese, or says nothing of what its bytes mean."""

    def __init__(self, encoding: str) -> None:
        what, remedy = wrong_encoding(encoding)
        super().__init__(f"{what.zh}。{remedy.zh}", f"{what.en}: {remedy.en}")


class WrongSchema(OperatorError):
    """What the login makes would stand where neither backup nor doctor looks."""

    def __init__(self, login: str, schema: str | None) -> None:
        there, command = schema or "∅", f"ALTER ROLE {login} SET search_path = {SCHEMA}"
        super().__init__(
            f"{login} 新建的表会在 {there} 中，而不在 {SCHEMA} 中：请执行 {command}",
            f"what {login} makes would stand in {there}, not in {SCHEMA}: {command}",
        )


def wrong_encoding(encoding: str) -> tuple[Text, Text]:
    """What is wrong with an encoding other than UTF8, and what to do."""
    return (
        Text(f"数据库编码为 {encoding}", f"the database's encoding is {encoding}"),
        Text("新建数据库：ENCODING 'UTF8' TEMPLATE template0", "make one with ENCODING 'UTF8'"),
    )


@cache
def revisions() -> tuple[str, ...]:
    """Every revision that this code knows, the oldest first; it needs the last one."""
    found = ScriptDirectory(str(FOLDER)).walk_revisions()
    return tuple(script.revision for script in found)[::-1]


def is_behind(present: Collection[str]) -> bool:
    """Whether a schema at these revisions lacks something that this code needs.

    A revision that this code does not know is a newer one: what is added to a schema does not
    disturb the processes that still run, so these stay in service while the next ones start.
    """
    return not present or any(revision in revisions()[:-1] for revision in present)


async def present_revisions(connection: psycopg.AsyncConnection) -> set[str]:
    """What the database's schema is at; nothing before the first migration."""
    exists = await connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL")
    if await exists.fetchone() != (True,):
        return set()
    found = await connection.execute("SELECT version_num FROM alembic_version")
    return {str(row[0]) for row in await found.fetchall()}


async def upgrade(
    engine: AsyncEngine,
    *,
    versions: Sequence[Path] = VERSIONS,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Run what is missing; processes that come together wait for one another.

    Raises StillBlocked when a table stays locked for longer than `patience` seconds, WrongEncoding,
    WrongSchema, and RoleError when something is missing and the login does not own the tables.
    """
    async with asking(engine.url) as asked:
        found = await (await asked.execute(OWNED_BY_ANOTHER)).fetchone()
        if found is not None:
            await _require_present(asked, owner=found[0])
            return
        [login, schema] = await (await asked.execute(PLACE)).fetchone() or ("", None)
        if schema != SCHEMA:
            raise WrongSchema(login, schema)
    async with engine.connect() as connection, _turn(connection):
        await _upgrade_patiently(connection, versions, ends_at=time.monotonic() + patience)


async def _upgrade_patiently(
    connection: AsyncConnection, versions: Sequence[Path], *, ends_at: float
) -> None:
    while True:
        try:
            await connection.run_sync(_upgrade, versions)
            await connection.commit()
            await begin_epoch(connection)
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in BLOCKED:
                raise
            if time.monotonic() > ends_at:
                raise StillBlocked() from error
        await connection.rollback()
        await asyncio.sleep(PAUSE_SECONDS)


def encoding_of(connection: psycopg.AsyncConnection) -> str:
    """The encoding of the connection's database, as it is called there."""
    return connection.info.parameter_status("server_encoding") or ""


@contextlib.asynccontextmanager
async def asking(url: URL) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection to a database of which nothing is known yet.

    Raises WrongEncoding for one whose texts are not UTF-8. SQLAlchemy would stumble over SQL_ASCII
    as soon as it connects: psycopg hands out bytes there.
    """
    address = conninfo(url)
    async with await psycopg.AsyncConnection.connect(address, connect_timeout=5) as connection:
        encoding = encoding_of(connection)
        if encoding != UTF8:
            raise WrongEncoding(encoding)
        yield connection


@contextlib.asynccontextmanager
async def _turn(connection: AsyncConnection) -> AsyncIterator[None]:
    """Be the only one who migrates.

    Asked for again and again, outside any transaction: to wait for it inside one would hold up an
    index that is being built concurrently, which waits for all transactions in its turn.
    """
    while True:
        is_ours = await connection.scalar(TRY_LOCK)
        await connection.commit()
        if is_ours:
            break
        await asyncio.sleep(TURN_SECONDS)
    try:
        for name, value in LIMITS.items():
            await connection.execute(text(f"SET {name} = '{value}'"))
        await connection.commit()
        yield
    finally:
        with contextlib.suppress(DBAPIError):  # a connection that is gone holds no lock
            await connection.rollback()
            for name in LIMITS:
                await connection.execute(text(f"RESET {name}"))
            await connection.execute(UNLOCK)
            await connection.commit()


def _upgrade(connection: Connection, versions: Sequence[Path]) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(folder) for folder in versions))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _require_present(connection: psycopg.AsyncConnection, *, owner: str) -> None:
    """A login that may not migrate serves a database that somebody else has migrated."""
    if is_behind(await present_revisions(connection)):
        raise RoleError(
            f"数据库结构需要更新：请以 {owner} 的身份运行 shuangku migrate",
            f"the schema is not the present one: run shuangku migrate as {owner}",
        )
