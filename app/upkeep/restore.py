"""`shuangku restore`: a backup into an empty database, all of it or nothing, and verified."""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from psycopg import AsyncConnection, sql
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.changes.epochs import begin_epoch
from app.clock import now
from app.migration import revisions, upgrade
from app.operators import OperatorError
from app.postgres import programs
from app.postgres.probe import conninfo
from app.postgres.roles import OWNER_POLICY, SCHEMA, VIEWS, whole_view
from app.upkeep import archives
from app.upkeep.archives import Manifest

OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type = 'client backend'
"""
RELATIONS = f"SELECT count(*) FROM pg_class WHERE relnamespace = '{SCHEMA}'::regnamespace"
LOOKS, PAUSE_SECONDS = 5, 0.3
SCHEMAS = (SCHEMA, VIEWS)
PRESENT = "SELECT nspname FROM pg_namespace WHERE nspname IN ('{}')"
NEW_SCHEMA = f"CREATE SCHEMA {SCHEMA}; GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC"
EMPTY_AGAIN = f"DROP SCHEMA {SCHEMA} CASCADE; DROP SCHEMA IF EXISTS {VIEWS} CASCADE"
# It names the role that owned the tables there: migrating makes one for whoever owns them here.
OF_OWNER = re.compile(rf"\d+; \d+ \d+ POLICY \S+ \S+ {OWNER_POLICY} ")

# They work elsewhere, if at all; the jobs that they were running are given back like a dead one's.
FORGET_WORKERS = text("DELETE FROM procrastinate_workers")


class RestoreRefused(OperatorError):
    """Nothing was restored."""


async def restore(
    engine: AsyncEngine, url: URL, dump: Path, *, replaces: bool = False, unverified: bool = False
) -> Manifest | None:
    """Bring the database to what the backup holds, then to the present schema, in a new epoch.

    replaces: put it in the place of what is there, which is kept until all is verified.
    unverified: also a dump without its manifest, of which nobody knows whether it is whole.

    Raises RestoreRefused, and then nothing has changed.
    """
    manifest, url = await to_thread.run_sync(_checked, dump), whole_view(url)
    if manifest is None and not unverified:
        raise RestoreRefused(
            "没有清单，无法核对：用 --unverified 不经核对恢复",
            "there is no manifest to verify it by: --unverified restores it all the same",
        )
    async with await AsyncConnection.connect(conninfo(url), autocommit=True) as connection:
        await _require_alone(connection)
        async with _room(connection, replaces=replaces):
            await _fill(connection, url, dump, manifest)
            await _begin_anew(engine)
        await connection.execute("ANALYZE")
    return manifest


async def _begin_anew(engine: AsyncEngine) -> None:
    """Bring what was restored to the present schema, without its workers, in its next epoch."""
    await upgrade(engine)
    async with engine.connect() as connection:
        async with connection.begin():
            await connection.execute(FORGET_WORKERS)
        await begin_epoch(connection, is_restored=True)


def _checked(dump: Path) -> Manifest | None:
    """The dump is as it was written, and this program knows its schema."""
    try:
        manifest = archives.read_manifest(dump)
    except (ValueError, json.JSONDecodeError) as error:
        raise RestoreRefused(f"清单损坏：{error}", f"the manifest is damaged: {error}") from error
    if manifest is None:
        return None
    if archives.digest(dump) != manifest.sha256:
        raise RestoreRefused(f"备份文件已损坏：{dump}", f"the backup is damaged: {dump}")
    if manifest.revision not in revisions():
        raise RestoreRefused(
            f"备份来自更新的版本（结构 {manifest.revision}）：请先升级本程序",
            f"the backup is of a later version (schema {manifest.revision}): update this program",
        )
    return manifest


async def _require_alone(connection: AsyncConnection) -> None:
    """Whoever looks in for a moment, as the keeper of an embedded server does, is nobody."""
    others = await _count(connection, OTHERS)
    for _ in range(LOOKS):
        if not others:
            return
        await asyncio.sleep(PAUSE_SECONDS)
        others = await _count(connection, OTHERS)
    if others:
        raise RestoreRefused(
            f"还有 {others} 个连接在使用数据库：请先停止服务",
            f"{others} others are connected to the database: stop the service first",
        )


@asynccontextmanager
async def _room(connection: AsyncConnection, *, replaces: bool) -> AsyncIterator[None]:
    """An empty schema; what was there is set aside, and comes back if the block fails."""
    is_empty = not await _count(connection, RELATIONS)
    if is_empty:
        try:
            yield
        except BaseException:
            await connection.execute(f"{EMPTY_AGAIN}; {NEW_SCHEMA}".encode())
            raise
        return
    if not replaces:
        raise RestoreRefused(
            "数据库不是空的：用 --replace 替换其中的数据",
            "the database is not empty: --replace puts the backup in the place of its data",
        )
    aside = await _names_aside(connection)
    async with connection.transaction():
        for name, kept in aside.items():
            await _rename(connection, name, kept)
        await connection.execute(NEW_SCHEMA)
    try:
        yield
    except BaseException:
        async with connection.transaction():
            await connection.execute(EMPTY_AGAIN)
            for name, kept in aside.items():
                await _rename(connection, kept, name)
        raise
    for kept in aside.values():
        drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE")
        await connection.execute(drop.format(sql.Identifier(kept)))


async def _names_aside(connection: AsyncConnection) -> dict[str, str]:
    """The schemas that are there, and what each is called meanwhile."""
    found = await connection.execute(PRESENT.format("', '".join(SCHEMAS)).encode())
    stamp = f"{now():%Y%m%d_%H%M%S}"
    return {name: f"replaced_{stamp}_{name}" for (name,) in await found.fetchall()}


async def _rename(connection: AsyncConnection, name: str, new: str) -> None:
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    await connection.execute(rename.format(sql.Identifier(name), sql.Identifier(new)))


async def _fill(
    connection: AsyncConnection, url: URL, dump: Path, manifest: Manifest | None
) -> None:
    version = connection.info.server_version // 10_000
    needed = max(version, manifest.server_version if manifest else version)
    program = await to_thread.run_sync(lambda: programs.find("pg_restore", server_version=needed))
    psql = await to_thread.run_sync(lambda: programs.find("psql", server_version=needed))
    found = await connection.execute("SELECT name FROM pg_settings")
    known = {name for (name,) in await found.fetchall()}
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    with tempfile.NamedTemporaryFile("r+", prefix="shuangku-contents-") as contents:
        await programs.run(program, "--list", f"--file={contents.name}", str(dump))
        wanted = [line for line in contents if not OF_OWNER.match(line)]
        contents.seek(0)
        contents.truncate()
        contents.writelines(wanted)
        contents.flush()
        listed = (f"--use-list={contents.name}", f"--exclude-schema={VIEWS}", "--file=-")
        writer = (program, *options, *listed, dump)
        await programs.run_script(writer, psql, url=url, settings=known)
    if manifest is not None:
        async with connection.transaction():
            await _verify(connection, manifest, has_same_server=version == manifest.server_version)


async def _verify(
    connection: AsyncConnection, manifest: Manifest, *, has_same_server: bool
) -> None:
    """Every table has the rows it had; another version may write the same values differently."""
    found = await archives.contents(connection)
    expected = manifest.tables
    if not has_same_server:
        found = {name: (count, "") for name, (count, _) in found.items()}
        expected = {name: (count, "") for name, (count, _) in expected.items()}
    wrong = sorted(name for name in found | expected if found.get(name) != expected.get(name))
    if wrong:
        names = ", ".join(wrong)
        raise RestoreRefused(
            f"恢复的数据与备份不符：{names}", f"restored other rows than backed up: {names}"
        )


async def _count(connection: AsyncConnection, statement: str) -> int:
    row = await (await connection.execute(statement.encode())).fetchone()
    return int(row[0]) if row else 0
