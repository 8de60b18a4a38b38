"""New records straight into their tables, a chunk in one round trip.

One INSERT a record costs half a millisecond. COPY would be the fastest, but goes into no table
with row-level security: records are one JSON parameter of one INSERT.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import BindParameter, Column, text
from sqlalchemy.dialects.postgresql import TSVECTOR, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ColumnProperty, class_mapper
from sqlalchemy.sql import visitors

from app.bulk import repository
from app.bulk.kinds import ImportKind
from app.bulk.models import ImportedRow
from app.changes.models import Change
from app.clock import now
from app.database import Record
from app.interface import auditing

# kind of change, the record it happened to, what else it says
ChangeValues = tuple[str, UUID, dict[str, Any]]


async def insert_records(session: AsyncSession, records: Sequence[Record]) -> None:
    """Write new records, in the order of their types; sessions know nothing of them after."""
    for record_type in dict.fromkeys(type(record) for record in records):
        fields = _fields(record_type)
        rows = [_values(record, fields) for record in records if type(record) is record_type]
        await _insert(session, class_mapper(record_type).local_table, rows)


async def insert_changes(
    session: AsyncSession, actor_id: UUID | None, changes: Iterable[ChangeValues]
) -> None:
    """Append to the record of what happened."""
    table: Any = Change.__table__
    rows: list[dict[str, object]] = [
        {
            "kind": kind,
            "subject_id": subject,
            "actor_id": actor_id,
            "data": data,
            "entry_id": auditing.touch(session, subject),
        }
        for kind, subject, data in changes
    ]
    if rows:
        await _insert(session, table, rows)


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


async def _insert(session: AsyncSession, table: Any, rows: Sequence[dict[str, object]]) -> None:
    names = ", ".join(rows[0])
    statement = text(
        f"INSERT INTO {table.name} ({names}) SELECT {names}"
        f" FROM json_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS json))"
    )
    await session.execute(statement, {"rows": to_json(rows).decode()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One attribute of a record and its column."""

    name: str
    column: Column[Any]


@cache
def _fields(record_type: type[Record]) -> list[_Field]:
    properties: Iterable[ColumnProperty[Any]] = class_mapper(record_type).column_attrs
    return [
        _Field(name=p.key, column=column)
        for p in properties
        if isinstance(column := p.columns[0], Column)
    ]


def _values(record: Record, fields: Sequence[_Field]) -> dict[str, object]:
    given = vars(record) | {"version": 1}
    row = {}
    for field in fields:
        value = given[field.name] if field.name in given else _default(field.column)
        is_vector = isinstance(field.column.type, TSVECTOR)
        row[field.column.name] = _lexemes(value) if is_vector else value
    return row


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
