"""What repositories of several domains ask in the same way."""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.interfaces import ORMOption

from app.database import Base, Record

RecordT = TypeVar("RecordT", bound=Record)
LOADED_AT_ONCE = 1_000


def batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """The ids a thousand at a time, for who reads a whole pool."""
    for start in range(0, len(ids), LOADED_AT_ONCE):
        yield ids[start : start + LOADED_AT_ONCE]


async def find(
    session: AsyncSession,
    table: type[RecordT],
    record_id: UUID,
    *,
    is_for_update: bool = False,
    options: Sequence[ORMOption] = (),
) -> RecordT | None:
    """The record; for update locked and read anew, unless the scope may only read it."""
    if is_for_update:
        locked = await session.get(
            table,
            record_id,
            options=options,
            with_for_update={"of": table},
            populate_existing=True,
        )
        if locked is not None:
            return locked
    return await session.get(table, record_id, options=options)


async def find_one(
    session: AsyncSession,
    statement: Select[RecordT],
    table: type[RecordT],
    *,
    is_for_update: bool = False,
) -> RecordT | None:
    """The same by a statement, which says what comes with the record."""
    if is_for_update:
        locking = statement.with_for_update(of=table)
        locked = await session.scalar(locking.execution_options(populate_existing=True))
        if locked is not None:
            return locked
    return await session.scalar(statement)


def equals(
    table: type[Base], query: BaseModel, names: Collection[str]
) -> list[ColumnElement[bool]]:
    """Each column of these names is what the query wants, where it wants anything."""
    wanted = {name: getattr(query, name) for name in names}
    return [getattr(table, name) == value for name, value in wanted.items() if value is not None]
