"""The databases of the tests: one with the present schema, from which all others are cloned.

A worker's tests share a clone, which is emptied after each of them; to make and drop one for each
test, and to connect to it anew, took a third of the time of a run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import psycopg
from psycopg import Connection, sql
from psycopg.errors import LockNotAvailable
from sqlalchemy import URL

from app.postgres.embedded import EmbeddedServer

# No trigger, no foreign key; and whoever holds a lock for longer has outlived its test.
SETTINGS = "SET session_replication_role = replica; SET lock_timeout = '5s'"
END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
ALWAYS = """
    SELECT relname, tgname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid
    WHERE tgenabled = 'A'
"""
TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
# Of tables that are empty at first; the others keep a copy of what they hold.
EMPTY = "IF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;"
KEEP = "CREATE TEMP TABLE {kept} AS SELECT * FROM {table}"
RESTORE = """
    IF EXISTS (SELECT FROM {table} WHERE xmin::text::bigint >= {since})
        OR (SELECT count(*) FROM {table}) <> {count} THEN
        DELETE FROM {table};
        INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {kept};
    END IF;
"""
RESET = "PERFORM setval({name}, {value}, {was_asked});"
FUNCTION = "CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS {body}"


@contextmanager
def cloned(server: EmbeddedServer, template: str, name: str) -> Iterator[URL]:
    """A copy of the template under a name of its own, for as long as the block lasts."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        drop = named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        connection.execute(drop)
        copy = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        connection.execute(named(copy, name, template))
        yield server.url.set(database=name)
        connection.execute(drop)


class Emptying:
    """How a clone is emptied that goes from test to test.

    Whoever changes the schema or ends connections needs a database of their own.
    """

    def __init__(self, owner: Connection) -> None:
        self._owner = owner
        owner.execute(SETTINGS)
        body = sql.SQL("BEGIN {} END").format(sql.SQL(" ").join(self._steps()))
        owner.execute(named(FUNCTION, body=sql.Literal(body.as_string(owner))))

    @classmethod
    @contextmanager
    def open(cls, server: EmbeddedServer, url: URL) -> Iterator[Self]:
        name = url.database
        with psycopg.connect(server.conninfo, dbname=name, autocommit=True) as owner:
            yield cls(owner)

    def run(self) -> None:
        """Leave what the template holds."""
        self._let_pass()
        try:
            self._owner.execute("SELECT pg_temp.empty()")
        except LockNotAvailable:
            self._owner.execute(END_OTHERS)
            self._owner.execute("SELECT pg_temp.empty()")

    def _let_pass(self) -> None:
        """Triggers that stop everybody, whatever SETTINGS say, let the owner pass from here on.

        Tests of those triggers have a database of their own.
        """
        for table, trigger in self._owner.execute(ALWAYS).fetchall():
            self._owner.execute(named("ALTER TABLE {} ENABLE TRIGGER {}", table, trigger))

    def _steps(self) -> Iterator[sql.Composed]:
        since = self._one("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        for (table,) in self._owner.execute(TABLES).fetchall():
            count = self._one(named("SELECT count(*) FROM {}", table))
            names = {"table": sql.Identifier(table), "kept": sql.Identifier(f"kept_{table}")}
            if count:
                self._owner.execute(named(KEEP, **names))
                yield named(RESTORE, **names, since=sql.Literal(since), count=sql.Literal(count))
            else:
                yield named(EMPTY, **names)
        for name, last_value in self._owner.execute(SEQUENCES).fetchall():
            was_asked = last_value is not None
            value = sql.Literal(last_value if was_asked else 1)
            yield named(
                RESET, name=sql.Literal(name), value=value, was_asked=sql.Literal(was_asked)
            )

    def _one(self, statement: sql.Composed | str) -> int:
        row = self._owner.execute(statement).fetchone()
        assert row is not None
        return int(row[0])


def named(statement: str, *names: str, **parts: sql.Composable) -> sql.Composed:
    identifiers = [sql.Identifier(name) for name in names]
    return sql.SQL(statement).format(*identifiers, **parts)
