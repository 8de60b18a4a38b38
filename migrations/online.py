"""What a migration does to a table that has rows and is in use, without locking anybody out.

`tests/architecture/test_migrations_lock_nothing.py` refuses the plain forms. Each of these may be
run again after it was cut off in the middle.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

LIMITS = ("lock_timeout", "statement_timeout")
INVALID = sa.text(
    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)"
)


def create_index(
    name: str,
    table: str,
    columns: Sequence[str | sa.TextClause],
    *,
    unique: bool = False,
    where: str | None = None,
    using: str = "btree",
) -> None:
    """Build an index while rows are written; what came before in the migration is committed."""
    with outside_transaction():
        if op.get_bind().scalar(INVALID, {"name": name}):  # left by a build that failed
            op.drop_index(name, postgresql_concurrently=True)
        op.create_index(
            name,
            table,
            list(columns),
            unique=unique,
            postgresql_concurrently=True,
            if_not_exists=True,
            postgresql_where=None if where is None else sa.text(where),
            postgresql_using=using,
        )


def drop_index(name: str) -> None:
    """Remove an index while its table is read and written."""
    with outside_transaction():
        op.drop_index(name, postgresql_concurrently=True, if_exists=True)


def require_values(table: str, column: str) -> None:
    """Make a column NOT NULL; the rows are looked through without a lock that excludes anybody."""
    name = f"ck_{table}_{column}_not_null"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    check = f"CHECK ({column} IS NOT NULL) NOT VALID"
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {check}")
    validate(table, name)
    op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def validate(table: str, constraint: str) -> None:
    """Look through the rows for a constraint that was added NOT VALID."""
    with outside_transaction():
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")


def repeat(change: str) -> None:
    """A change of many rows, which takes some at a time, until none is left; each is committed."""
    with outside_transaction():
        while op.get_bind().execute(sa.text(change)).rowcount:
            pass


@contextmanager
def outside_transaction() -> Iterator[None]:
    """Statements that stand each for itself, and may take their time since they block nobody."""
    with op.get_context().autocommit_block():
        limits = {name: op.get_bind().scalar(sa.text(f"SHOW {name}")) for name in LIMITS}
        try:
            for name in LIMITS:
                op.execute(f"SET {name} = 0")
            yield
        finally:
            for name, value in limits.items():
                op.execute(f"SET {name} = '{value}'")
