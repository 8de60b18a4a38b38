"""New records straight into their tables, by COPY.

One INSERT a record costs half a millisecond; COPY writes a chunk in one round trip.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
from app.interface import auditing

# kind of change, the record it happened to, what else it says
ChangeValues = tuple[str, UUID, dict[str, Any]]


async def insert_records(session: AsyncSession, records: Sequence[Record]) -> None:
    """Write new records, in the order of their types; sessions know nothing of them after."""
    for record_type in dict.fromkeys(type(record) for record in records):
        fields = _fields(record_type)
        rows = (_values(record, fields) for record in records if type(record) is record_type)
        columns = [field.column for field in fields]
        await _copy(session, class_mapper(record_type).local_table, columns, rows)


async def insert_changes(
    session: AsyncSession, actor_id: UUID | None, changes: Iterable[ChangeValues]
) -> None:
    """Append to the record of what happened."""
    table: Any = Change.__table__
    columns = [table.c[n] for n in ("kind", "subject_id", "actor_id", "data", "entry_id")]
    rows: list[list[object]] = []
    for kind, subject, data in changes:
        entry_id = auditing.touch(session, subject)
        rows.append([kind, subject, actor_id, Jsonb(data), entry_id])
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One attribute of a record, and how COPY writes it."""

    name: str
    column: Column[Any]
    convert: Callable[[Any], object] | None


@cache
def _fields(record_type: type[Record]) -> list[_Field]:
    properties: Iterable[ColumnProperty[Any]] = class_mapper(record_type).column_attrs
    return [
        _Field(name=p.key, column=column, convert=_conversion(column))
        for p in properties
        if isinstance(column := p.columns[0], Column)
    ]


def _values(record: Record, fields: Sequence[_Field]) -> list[object]:
    given = vars(record) | {"version": 1}
    row = []
    for field in fields:
        value = given[field.name] if field.name in given else _default(field.column)
        row.append(value if field.convert is None else field.convert(value))
    return row


def _conversion(column: Column[Any]) -> Callable[[Any], object] | None:
    if isinstance(column.type, JSONB):
        return Jsonb
    return _lexemes if isinstance(column.type, TSVECTOR) else None


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
    return default.arg(None) if default.is_callable else default.arg
