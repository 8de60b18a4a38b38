"""Every statement on sealed columns and on the list of keys."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    CursorResult,
    LargeBinary,
    Row,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.encryption.keys import HEAD_LENGTH, MARK
from app.encryption.models import EncryptionKey
from app.encryption.sealed import SealedTable


async def note_key(session: AsyncSession, key_id: str) -> None:
    """Write down that values may be sealed with this key from now on."""
    await session.execute(insert(EncryptionKey).values(key_id=key_id).on_conflict_do_nothing())


async def key_ids(session: AsyncSession) -> set[str]:
    """The keys that stored values may need."""
    return set(await session.scalars(select(EncryptionKey.key_id)))


async def forget_other_keys(session: AsyncSession, key_id: str) -> None:
    await session.execute(delete(EncryptionKey).where(EncryptionKey.key_id != key_id))


async def stale_rows(
    session: AsyncSession, sealed: SealedTable, key_id: str, *, after: UUID, limit: int
) -> Sequence[Row[Any]]:
    """The next rows that hold a value which is not sealed with this key: id and columns."""
    table = sealed.table
    statement = select(table.c.id, *(table.c[name] for name in sealed.columns))
    statement = statement.where(table.c.id > after, _is_stale(sealed, key_id))
    return (await session.execute(statement.order_by(table.c.id).limit(limit))).all()


async def count_stale(session: AsyncSession, sealed: SealedTable, key_id: str) -> int:
    statement = select(func.count()).select_from(sealed.table).where(_is_stale(sealed, key_id))
    return await session.scalar(statement) or 0


async def replace(
    session: AsyncSession, sealed: SealedTable, renewed: Sequence[tuple[Row[Any], list[Any]]]
) -> int:
    """Write the new values of rows that are as they were read; how many those were.

    Nobody else's change is lost, and to their readers the records stay as they are.
    """
    table = sealed.table
    if not renewed:
        return 0
    was = [table.c[name] == bindparam(f"old_{name}") for name in sealed.columns]
    statement = (
        update(table)
        .where(table.c.id == bindparam("record_id"), *was)
        .values({name: bindparam(f"new_{name}") for name in sealed.columns})
        .values(updated_at=table.c.updated_at)
    )
    parameters = [_parameters(sealed, row, values) for row, values in renewed]
    result = await (await session.connection()).execute(statement, parameters)
    assert isinstance(result, CursorResult)
    return result.rowcount


def _parameters(sealed: SealedTable, row: Row[Any], values: list[Any]) -> dict[str, Any]:
    old = {f"old_{name}": row._mapping[name] for name in sealed.columns}
    new = {f"new_{name}": value for name, value in zip(sealed.columns, values, strict=True)}
    return {"record_id": row.id, **old, **new}


def _is_stale(sealed: SealedTable, key_id: str) -> ColumnElement[bool]:
    return or_(*(_is_of_another_key(sealed.table.c[name], key_id) for name in sealed.columns))


def _is_of_another_key(column: Column[Any], key_id: str) -> ColumnElement[bool]:
    """Whether the cell holds something, and not under this key."""
    empty: str | bytes = ""
    head: str | bytes = MARK + key_id
    if isinstance(column.type, LargeBinary):
        empty, head = b"", (MARK + key_id).encode()
    return and_(column != empty, func.substring(column, 1, HEAD_LENGTH) != head)
