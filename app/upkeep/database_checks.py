"""What the doctor asks of the database: version, encoding, rights, schema, clock, connections."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from psycopg import AsyncConnection

from app.interface.language import Text
from app.migration import (
    UTF8,
    encoding_of,
    is_behind,
    present_revisions,
    revisions,
    wrong_encoding,
)
from app.postgres.roles import APPEND_ONLY, READ_ONLY, SCHEMA
from app.upkeep.findings import Finding, bad, good, warning

OLDEST = 15
SKEW_WARNING, SKEW_BAD = 2.0, 30.0  # seconds
CONNECTIONS_WARNING = 0.8

ABOUT = f"""
    SELECT current_setting('server_version_num')::int / 10000,
           has_schema_privilege('{SCHEMA}', 'CREATE')
               AND has_schema_privilege('{SCHEMA}', 'USAGE'),
           rolsuper OR rolbypassrls,
           pg_is_in_recovery(),
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
           current_setting('max_connections')::int
    FROM pg_roles WHERE rolname = current_user
"""
# Of a login that does not own the tables less is asked: what the service may do (postgres.roles).
RIGHTS = f"""
    SELECT relname FROM pg_class
    WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind IN ('r', 'p')
      AND NOT (
          has_table_privilege(oid, 'SELECT')
          AND (relname = ANY(%(read_only)s) OR has_table_privilege(oid, 'INSERT'))
          AND (
              relname = ANY(%(read_only)s || %(append_only)s)
              OR has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
          )
      )
    ORDER BY relname LIMIT 5
"""
IS_ANOTHERS = f"""
    SELECT EXISTS (
        SELECT FROM pg_class WHERE oid = to_regclass('{SCHEMA}.alembic_version')
        AND NOT pg_has_role(relowner, 'USAGE')
    )
"""
UNBOUND = """
    SELECT relname FROM pg_class
    WHERE oid IN (SELECT polrelid FROM pg_policy)
      AND NOT (relrowsecurity AND relforcerowsecurity)
    ORDER BY relname
"""
INVALID = """
    SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1 LIMIT 5
"""


async def examine(connection: AsyncConnection, *, is_embedded: bool) -> AsyncIterator[Finding]:
    """Everything that the server knows of itself."""
    [about] = await _rows(connection, ABOUT)
    version, may_create, is_mighty, is_standby, used, limit = about
    yield version_of(version, encoding_of(connection))
    yield await rights(connection, may_create=may_create, is_standby=is_standby)
    if not is_embedded:  # the embedded server is nobody else's
        yield powers(is_mighty=is_mighty)
    yield connections(used, limit)
    yield await clock(connection)
    yield await schema(connection)


def version_of(version: int, encoding: str) -> Finding:
    if version < OLDEST:
        return bad(
            "version",
            Text(f"PostgreSQL {version} 太旧", f"PostgreSQL {version} is too old"),
            Text(f"升级到 PostgreSQL {OLDEST} 或更新", f"use PostgreSQL {OLDEST} or later"),
        )
    if encoding != UTF8:
        return bad("version", *wrong_encoding(encoding))
    return good("version", f"PostgreSQL {version}，UTF-8", f"PostgreSQL {version}, UTF-8")


async def rights(connection: AsyncConnection, *, may_create: bool, is_standby: bool) -> Finding:
    if is_standby:
        return bad(
            "rights",
            Text("这是只读的备用服务器", "this is a standby, which is read only"),
            Text("让 DATABASE_URL 指向主服务器", "let DATABASE_URL name the primary server"),
        )
    named = {"read_only": list(READ_ONLY), "append_only": list(APPEND_ONLY)}
    found = await (await connection.execute(RIGHTS, named)).fetchall()
    missing = [row[0] for row in found]
    [[is_anothers]] = await _rows(connection, IS_ANOTHERS)
    if (may_create or is_anothers) and not missing:
        return good("rights", "数据库权限足够", "the role may do what it must")
    tables = ", ".join(missing) or SCHEMA
    return bad(
        "rights",
        Text(f"数据库用户缺少权限：{tables}", f"the role lacks rights on {tables}"),
        Text("用数据库所有者连接，或授予权限", "connect as the database's owner, or GRANT them"),
    )


def powers(*, is_mighty: bool) -> Finding:
    if not is_mighty:
        return good("powers", "数据库用户没有多余的权力", "the role has no power it does not need")
    return warning(
        "powers",
        Text("数据库用户是超级用户或可绕过行级安全", "the role is SUPERUSER or has BYPASSRLS"),
        Text("为服务另建普通用户", "make an ordinary role for the service"),
    )


async def row_security(connection: AsyncConnection) -> Finding:
    """Whether the rules of all tables that have some are in force, for the owner, too."""
    unbound = [row[0] for row in await _rows(connection, UNBOUND)]
    if not unbound:
        return good("row_security", "行级安全已启用", "row-level security is in force")
    names = ", ".join(unbound)
    both = "ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    commands = "; ".join(f"ALTER TABLE {name} {both}" for name in unbound)
    return bad(
        "row_security",
        Text(f"行级安全未启用：{names}", f"row-level security is off for {names}"),
        Text(commands, commands),
    )


def connections(used: int, limit: int) -> Finding:
    if used < CONNECTIONS_WARNING * limit:
        return good("connections", f"连接 {used}/{limit}", f"{used} of {limit} connections")
    return warning(
        "connections",
        Text(f"连接将满：{used}/{limit}", f"{used} of {limit} connections are in use"),
        Text(
            "减小 DATABASE_POOL_SIZE，或增大 max_connections",
            "make DATABASE_POOL_SIZE smaller, or max_connections larger",
        ),
    )


async def clock(connection: AsyncConnection) -> Finding:
    """The two clocks, with the question's own time halved."""
    asked_at = time.time()
    [row] = await _rows(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    return skew(float(row[0]) - (asked_at + time.time()) / 2)


def skew(seconds: float) -> Finding:
    shown = f"{abs(seconds):.1f}"
    if abs(seconds) < SKEW_WARNING:
        return good("clock", "本机与数据库时钟一致", "this host's and the database's clock agree")
    what = Text(f"本机与数据库时钟相差 {shown} 秒", f"the clocks differ by {shown} seconds")
    remedy = Text("在两台主机上启用 NTP（timedatectl）", "let both hosts use NTP (timedatectl)")
    return (bad if abs(seconds) >= SKEW_BAD else warning)("clock", what, remedy)


async def schema(connection: AsyncConnection) -> Finding:
    present = await present_revisions(connection)
    if is_behind(present):
        known = revisions()
        pending = len(known) - max((known.index(r) + 1 for r in present), default=0)
        return bad(
            "schema",
            Text(f"数据库结构落后 {pending} 步", f"{pending} migrations are pending"),
            Text("运行 shuangku migrate", "run shuangku migrate"),
        )
    invalid = [row[0] for row in await _rows(connection, INVALID)]
    if invalid:
        names, command = ", ".join(invalid), f"REINDEX INDEX CONCURRENTLY {invalid[0]}"
        return bad(
            "schema",
            Text(f"索引未建成：{names}", f"indexes were not finished: {names}"),
            Text(command, command),
        )
    if not present <= set(revisions()):
        return warning(
            "schema",
            Text("数据库结构比本程序新", "the schema is newer than this program"),
            Text("更新本程序", "update this program"),
        )
    return good("schema", "数据库结构是最新的", "the schema is up to date")


async def _rows(connection: AsyncConnection, statement: str) -> Sequence[Any]:
    return await (await connection.execute(statement.encode())).fetchall()
