"""A migration may not lock a table that is in use: what each one really says is read by squawk.

squawk (https://squawkhq.com) knows PostgreSQL's locks. Its rules of style are left out.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, create_engine, event, inspect

from app.migration import revisions
from app.postgres.roles import VIEWS
from tests.architecture.test_migrations import migrate

SQUAWK = Path(sys.executable).with_name("squawk")
STYLE = (
    "prefer-robust-stmts",
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-text-field",
    "prefer-timestamp-tz",
    "ban-char-field",
    "ban-drop-column",
    "ban-drop-table",
    "ban-drop-not-null",
    "require-timeout-settings",
    "require-lock-timeout",
    "require-statement-timeout",
    "transaction-nesting",
    # Rightly outside of one: see migrations.online.
    "ban-concurrent-index-creation-in-transaction",
)
# Of before the service was in use anywhere.
FIRST = 4
# (revision, rule): why it may all the same.
EXCUSED = {
    ("0006", "constraint-missing-not-valid"): "validated in its transaction; in use nowhere yet",
    ("0010", "constraint-missing-not-valid"): "imports is a small table, one row a file",
    ("0010", "adding-foreign-key-constraint"): "imports is a small table, one row a file",
    ("0018", "constraint-missing-not-valid"): "validated after its transaction (online.validate)",
    ("0035", "constraint-missing-not-valid"): "validated after its transaction (online.validate)",
    ("0018", "ban-drop-constraint"): "its own, of a run that was cut off",
}
NEW = [revision for revision in revisions() if int(revision) > FIRST]


def faults(statements: list[str], tables: set[str]) -> set[str]:
    """The rules that the statements break, on a database that has these tables."""
    found = {rule for s in statements for rule in _row_by_row(s, tables)}
    ddl = [s for s in _without_validated(statements) if re.match(r"\s*(CREATE|ALTER|DROP)\b", s)]
    if ddl:
        options = ["--reporter", "json", "--pg-version", "15", "--assume-in-transaction"]
        options += [f"--exclude={rule}" for rule in STYLE]
        text = ";\n".join(re.sub(r"%%", "%", statement).rstrip("; \n") for statement in ddl) + ";"
        done = subprocess.run([SQUAWK, *options], input=text, capture_output=True, text=True)
        items: list[dict[str, Any]] = json.loads(done.stdout or "[]")
        found |= {str(item["rule_name"]) for item in items}
    return found


def _row_by_row(statement: str, tables: set[str]) -> Iterator[str]:
    """A change of all rows holds the lock of each until the last one; squawk does not mind."""
    touched = re.match(r"\s*(UPDATE|DELETE FROM|TRUNCATE(?: TABLE)?)\s+(\w+)", statement, re.I)
    if touched and touched[2] in tables and not re.search(r"\bLIMIT\b", statement, re.I):
        yield "changes-all-rows"
    if re.match(r"\s*(LOCK|VACUUM FULL|CLUSTER|REINDEX(?!.*CONCURRENTLY))\b", statement, re.I):
        yield "locks-a-table"


def _without_validated(statements: list[str]) -> Iterator[str]:
    """SET NOT NULL costs nothing where a validated CHECK says so already."""
    validated = set[str]()
    for statement in statements:
        if found := re.match(r"ALTER TABLE (\w+) VALIDATE CONSTRAINT ck_\w+_not_null", statement):
            validated.add(found[1])
        found = re.match(r"ALTER TABLE (\w+) ALTER COLUMN \w+ SET NOT NULL", statement)
        if found and found[1] in validated:
            continue
        yield statement


@pytest.fixture
def connection(database: URL) -> Iterator[Connection]:
    engine = create_engine(database)
    with engine.connect() as connection:
        migrate(connection, "base")
        yield connection
    engine.dispose()


def test_new_migrations_lock_no_table_that_is_in_use(connection: Connection) -> None:
    said: list[str] = []

    def note(_: object, __: object, statement: str, *more: object) -> None:
        said.append(statement)

    migrate(connection, revisions()[FIRST - 1])
    event.listen(connection, "before_cursor_execute", note)
    for revision in NEW:
        tables = set(inspect(connection).get_table_names())
        said.clear()
        migrate(connection, revision)
        # The views are made anew after migrations (app.postgres.roles), and hold no rows.
        own = [s for s in said if "alembic_version" not in s and VIEWS not in s]
        broken = {rule for rule in faults(own, tables) if (revision, rule) not in EXCUSED}
        assert not broken, f"{revision} {broken}: see migrations/online.py for what to do instead"


def test_excuses_are_still_needed() -> None:
    assert {revision for revision, _ in EXCUSED} <= set(NEW)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("CREATE INDEX ix ON experts (name)", "require-concurrent-index-creation"),
        ("CREATE UNIQUE INDEX ix ON experts (name)", "require-concurrent-index-creation"),
        ("ALTER TABLE experts ADD COLUMN x integer NOT NULL", "adding-required-field"),
        (
            "ALTER TABLE experts ADD COLUMN x uuid DEFAULT gen_random_uuid()",
            "adding-field-with-default",
        ),
        ("ALTER TABLE experts ALTER COLUMN name TYPE text", "changing-column-type"),
        ("ALTER TABLE experts ALTER COLUMN name SET NOT NULL", "adding-not-nullable-field"),
        ("ALTER TABLE experts ADD CONSTRAINT c CHECK (x > 1)", "constraint-missing-not-valid"),
        (
            "ALTER TABLE experts ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES accounts (id)",
            "adding-foreign-key-constraint",
        ),
        ("ALTER TABLE experts ADD CONSTRAINT u UNIQUE (x)", "disallowed-unique-constraint"),
        ("ALTER TABLE experts RENAME COLUMN name TO title", "renaming-column"),
        ("ALTER TABLE experts RENAME TO people", "renaming-table"),
        ("UPDATE experts SET name = 'x'", "changes-all-rows"),
        ("DELETE FROM experts WHERE name = 'x'", "changes-all-rows"),
        ("TRUNCATE experts", "changes-all-rows"),
        ("LOCK TABLE experts", "locks-a-table"),
        ("REINDEX TABLE experts", "locks-a-table"),
    ],
)
def test_what_locks_is_refused(statement: str, rule: str) -> None:
    assert rule in faults([statement], {"experts"})


def test_what_does_not_lock_is_let_through() -> None:
    new_table = "CREATE TABLE visits (id bigint PRIMARY KEY, name text NOT NULL)"
    assert not faults([new_table, "CREATE INDEX ix ON visits (name)"], {"experts"})
    for statement in (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON experts (name)",
        "ALTER TABLE experts ADD COLUMN x integer",
        "ALTER TABLE experts ADD COLUMN x integer DEFAULT 0 NOT NULL",
        "ALTER TABLE experts ADD CONSTRAINT c CHECK (x > 1) NOT VALID",
        "REINDEX TABLE CONCURRENTLY experts",
        "UPDATE visits SET name = 'x'",
        "INSERT INTO visits VALUES (1, 'x')",
    ):
        assert not faults([statement], {"experts"}), statement
    proven = [
        "ALTER TABLE experts VALIDATE CONSTRAINT ck_experts_name_not_null",
        "ALTER TABLE experts ALTER COLUMN name SET NOT NULL",
    ]
    assert not faults(proven, {"experts"})
