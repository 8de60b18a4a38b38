"""Who the service is to PostgreSQL: a role that owns nothing and that row-level security binds.

Migrations run as the owner of the tables, everything else as `shuangku_service`. On the embedded
server that is a login of its own. On another one the login of DATABASE_URL steps down to it where
it may; a login that may not, and is bound anyway, stays what it is.
"""

from collections.abc import Iterator

import psycopg
from psycopg import AsyncConnection, sql
from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from app.postgres.errors import RoleError
from app.postgres.probe import conninfo

SERVICE_ROLE = "shuangku_service"
SCHEMA = "public"  # where the tables stand; a restore renames it

# What is not named here the service may read, add to, change and delete from, as the rules allow.
APPEND_ONLY = frozenset({"changes", "audit_entries", "audit_seals"})
READ_ONLY = frozenset(
    {
        *("alembic_version", "epochs", "countries", "disciplines", "industries", "regions"),
        "technology_fields",
    }
)

# Lists ask with operators that PostgreSQL does not call leakproof (`@@`, `&&`, LIKE), and those
# must not come before the rule of a table, so that no index would serve them: 100,000 experts were
# read in 1.7 s instead of 1 ms. These tables have a view of the same name that states the rule of
# its table itself: an index comes first, and it shows the same rows. No rule of theirs may read
# another table other than by a function, since the view reads as its owner.
VIEWS = "readable"
VIEWED = ("achievements", "demands", "experts", "organizations")
OWNER_POLICY = "owner"

IS_UNBOUND = f"""
SELECT rolsuper OR rolbypassrls
    OR EXISTS (
        SELECT FROM pg_policies WHERE policyname = '{OWNER_POLICY}' AND current_user = ANY(roles)
    )
FROM pg_roles WHERE rolname = current_user
"""

MAKE_ROLE = f"""
DO $$
BEGIN
    CREATE ROLE {SERVICE_ROLE};
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- made for another database, or just now
    WHEN insufficient_privilege THEN NULL;  -- the login stays what it is, see `service_url`
END $$
"""
# Who made a role may grant it, and from PostgreSQL 16 on needs the grant to become it.
JOIN_ROLE = f"""
DO $$
BEGIN
    GRANT {SERVICE_ROLE} TO CURRENT_USER;
EXCEPTION
    WHEN insufficient_privilege OR undefined_object THEN NULL;
END $$
"""


RULES = text(
    f"""
    SELECT tablename, qual FROM pg_policies
    WHERE schemaname = '{SCHEMA}' AND policyname = 'reading' AND tablename = ANY(:tables)
    """
)


async def service_url(owner: URL) -> URL:
    """The address under which the service works on a database of DATABASE_URL.

    Raises RoleError for a login that row-level security would not bind.
    """
    async with await AsyncConnection.connect(conninfo(owner), connect_timeout=5) as connection:
        if await _may_step_down(connection):
            return _with_option(owner, f"role={SERVICE_ROLE}")
        [is_unbound] = await (await connection.execute(IS_UNBOUND)).fetchone() or (True,)
    if is_unbound:
        raise RoleError(
            f"数据库用户 {owner.username} 不受行级安全约束，也不能切换为 {SERVICE_ROLE}，"
            f"请执行 GRANT {SERVICE_ROLE} TO {owner.username}",
            f"row-level security does not bind {owner.username}, who may not become"
            f" {SERVICE_ROLE} either: GRANT {SERVICE_ROLE} TO {owner.username}",
        )
    return owner


async def _may_step_down(connection: AsyncConnection) -> bool:
    try:
        async with connection.transaction(force_rollback=True):
            statement = sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(SERVICE_ROLE))
            await connection.execute(statement)
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
        return False
    return True


def whole_view(owner: URL) -> URL:
    """The owner's address, at which every transaction sees and writes all rows."""
    return _with_option(owner, "shuangku.scope=service")


def _with_option(url: URL, option: str) -> URL:
    options = str(url.query.get("options", ""))
    return url.update_query_dict({"options": f"{options} -c {option}".strip()})


def is_let_in(connection: Connection) -> bool:
    """Whether `let_service_in` has been here and nothing has changed since for the login."""
    query = "SELECT to_regrole(:role) IS NOT NULL AND count(*) = :count FROM pg_views"
    asked = {"role": SERVICE_ROLE, "views": VIEWS, "count": len(VIEWED)}
    found = connection.scalar(text(f"{query} WHERE schemaname = :views"), asked)
    return bool(found) and _may_become_service(connection)


def set_views_aside(connection: Connection) -> None:
    """A migration that drops or changes a column which a view shows begins with it."""
    connection.execute(text(f"DROP SCHEMA IF EXISTS {VIEWS} CASCADE"))


def let_service_in(connection: Connection) -> None:
    """Make role and views and grant what the service needs; by the owner, after the migrations.

    Where the login may neither make nor be granted the role, the service works as the owner,
    whom FORCE ROW LEVEL SECURITY binds as well.
    """
    rules = connection.execute(RULES, {"tables": list(VIEWED)}).all()
    if not rules:  # an older schema
        return
    set_views_aside(connection)
    connection.execute(text(MAKE_ROLE))
    if not connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")):
        connection.execute(text(JOIN_ROLE))
    connection.execute(text(f"CREATE SCHEMA {VIEWS}"))
    for table, rule in rules:
        view = f"CREATE VIEW {VIEWS}.{table} AS SELECT * FROM {table} WHERE {rule}"
        connection.exec_driver_sql(view.replace("%", "%%"))
    has_role = _may_become_service(connection)
    _show_all_to_owner(connection, wanted=has_role)
    if has_role:
        for grant in _grants(connection):
            connection.execute(text(f"GRANT {grant} TO {SERVICE_ROLE}"))


def _show_all_to_owner(connection: Connection, *, wanted: bool) -> None:
    """To the views, that is; an owner that works as the service itself is bound like it."""
    owned = text(
        "SELECT tablename, CURRENT_USER = ANY(roles) AS is_own FROM pg_policies"
        " WHERE policyname = :name"
    )
    rows = connection.execute(owned, {"name": OWNER_POLICY})
    is_own = {row.tablename: row.is_own for row in rows}
    for table in VIEWED:
        if is_own.get(table) is (True if wanted else None):
            continue
        connection.execute(text(f"DROP POLICY IF EXISTS {OWNER_POLICY} ON {table}"))
        if wanted:
            policy = f"CREATE POLICY {OWNER_POLICY} ON {table} FOR SELECT TO CURRENT_USER"
            connection.execute(text(f"{policy} USING (true)"))


def _may_become_service(connection: Connection) -> bool:
    try:
        with connection.begin_nested() as savepoint:
            connection.execute(text(f"SET LOCAL ROLE {SERVICE_ROLE}"))
            savepoint.rollback()
    except DBAPIError:
        return False
    return True


def _grants(connection: Connection) -> Iterator[str]:
    tables = set(inspect(connection).get_table_names(SCHEMA))
    yield f"USAGE ON SCHEMA {SCHEMA}, {VIEWS}"
    yield f"SELECT ON ALL TABLES IN SCHEMA {SCHEMA}, {VIEWS}"
    yield f"USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA}"
    yield f"INSERT ON {', '.join(sorted(tables - READ_ONLY))}"
    yield f"UPDATE, DELETE ON {', '.join(sorted(tables - READ_ONLY - APPEND_ONLY))}"
