"""New records straight into their tables, by COPY.

One INSERT a record costs half a millisecond; COPY writes a chunk in one round trip.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import BindParameter, Column
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ColumnProperty, class_mapper
from sqlalchemy.sql import visitors

from app.bulk import repository
from app.bulk.models import ImportedRow, ImportKind
from app.changes.models import Change
from app.database import Record, now

# kind of change, the record it happened to, what else it says
ChangeValues = tuple[str, UUID, dict[str, Any]]


async def insert_records(session: AsyncSession, records: Sequence[Record]) -> None:
    """Write new records, in the order of their types; sessions know nothing of them after."""
    for record_type in dict.fromkeys(type(record) for record in records):
        columns = _columns(record_type)
        rows = (_values(r, columns) for r in records if type(r) is record_type)
        await _copy(session, class_mapper(record_type).local_table, list(columns.values()), rows)


async def insert_changes(
    session: AsyncSession, actor_id: UUID | None, changes: Iterable[ChangeValues]
) -> None:
    """Append to the record of what happened."""
    table: Any = Change.__table__
    columns = [table.c[name] for name in ("kind", "subject_id", "actor_id", "data")]
    rows: Iterable[list[object]] = (
        [kind, subject, actor_id, Jsonb(data)] for kind, subject, data in changes
    )
    await _copy(session, table, columns, rows)


async def remember(
    session: AsyncSession, kind: ImportKind, fingerprints: dict[UUID, bytes]
) -> None:
    """Keep what was written to each record; call it after the changes are written."""
    if not fingerprints:
        return
    moment, change_id = now(), await repository.last_change_id(session)
    table: Any = ImportedRow.__table__
    statement = insert(table)
    new = {name: statement.excluded[name] for name in ("fingerprint", "imported_at", "change_id")}
    await session.execute(
        statement.on_conflict_do_update(index_elements=["kind", "record_id"], set_=new),
        [
            {
                "kind": kind,
                "record_id": record_id,
                "fingerprint": fingerprint,
                "imported_at": moment,
                "change_id": change_id,
            }
            for record_id, fingerprint in fingerprints.items()
        ],
    )


async def _copy(
    session: AsyncSession, table: Any, columns: list[Column[Any]], rows: Iterable[list[object]]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(c.name) for c in columns)
    )
    raw = await (await session.connection()).get_raw_connection()
    connection: Any = raw.driver_connection
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


@cache
def _columns(record_type: type[Record]) -> dict[str, Column[Any]]:
    """Attribute → column."""
    properties: Iterable[ColumnProperty[Any]] = class_mapper(record_type).column_attrs
    return {p.key: c for p in properties if isinstance(c := p.columns[0], Column)}


def _values(record: Record, columns: dict[str, Column[Any]]) -> list[object]:
    given = vars(record) | {"version": 1}
    return [
        _plain(column, given[name]) if name in given else _default(column)
        for name, column in columns.items()
    ]


def _plain(column: Column[Any], value: object) -> object:
    """The value as COPY writes it."""
    if isinstance(column.type, JSONB):
        return Jsonb(value)
    if isinstance(column.type, TSVECTOR):
        return _lexemes(value)
    return value


def _lexemes(vector: Any) -> str:
    """The text form of what `app.search.search_vector` asks PostgreSQL to make of an array."""
    bound: Any = [e.value for e in visitors.iterate(vector) if isinstance(e, BindParameter)]
    (array,) = bound
    quoted = "\x1f".join(array).replace("\\", "\\\\").replace("'", "''")
    return "'" + quoted.replace("\x1f", "' '") + "'" if quoted else ""


def _default(column: Column[Any]) -> object:
    default: Any = column.default
    if default is None:
        return None
    return _plain(column, default.arg(None) if default.is_callable else default.arg)
