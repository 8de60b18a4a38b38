"""Keyset pages: signed, opaque cursors over one sort column and the id."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.database import SessionDep
from app.interface.errors import invalid_field
from app.interface.schemas import Body, text_of

Item = TypeVar("Item")
Row = TypeVar("Row")

MAX_LIMIT = 200


class Page(BaseModel, Generic[Item]):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None = None
    total: int | None = Field(default=None, description="only with count=exact")


class PageQuery(Body):
    """The parameters every list takes; a domain adds its filters."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50
    cursor: Annotated[str, text_of(500)] | None = None
    count: Literal["exact"] | None = None
    sort: str = "-created_at"


class Cursors:
    """Writes and reads cursors; a cursor that this service did not sign is refused."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def write(self, order: str, value: object, last_id: UUID) -> str:
        """order: names the list and how it is sorted; the cursor serves no other."""
        payload = json.dumps([order, _plain(value), str(last_id)]).encode()
        return base64.urlsafe_b64encode(self._signature(payload) + payload).decode()

    def read(self, cursor: str, order: str) -> tuple[str, UUID]:
        try:
            raw = base64.urlsafe_b64decode(cursor.encode())
        except (binascii.Error, ValueError):
            raise _bad_cursor() from None
        if not hmac.compare_digest(raw[:16], self._signature(raw[16:])):
            raise _bad_cursor()
        signed_order, value, last_id = json.loads(raw[16:])
        if signed_order != order:
            raise _bad_cursor()
        return value, UUID(last_id)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, b"cursor" + payload, hashlib.sha256)[:16]


def _bad_cursor() -> Exception:
    return invalid_field(
        "cursor", "bad_cursor", "游标无效，请从第一页重新读取", "Not a cursor of this list"
    )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Reads pages of one list, which its path names, in the request's session."""

    session: AsyncSession
    cursors: Cursors
    path: str

    async def read(
        self,
        statement: Select[Row],
        *,
        query: PageQuery,
        columns: Mapping[str, InstrumentedAttribute[Any]],
        show: Callable[[Row], Item],
    ) -> Page[Item]:
        """One page of `statement`, which selects records that have an `id`.

        `query.sort` is a name of `columns` (none of them nullable), with a leading "-" for
        descending order; ties break by id.
        """
        column = columns[query.sort.removeprefix("-")]
        record_id: InstrumentedAttribute[UUID] = column.class_.id
        descending = query.sort.startswith("-")
        total = await _count(self.session, statement) if query.count == "exact" else None
        if query.cursor is not None:
            value, last_id = self.cursors.read(query.cursor, self._order(query.sort))
            keys, after = tuple_(column, record_id), tuple_(_typed(column, value), last_id)
            statement = statement.where(keys < after if descending else keys > after)
        order = (column.desc(), record_id.desc()) if descending else (column, record_id)
        found = await self.session.scalars(statement.order_by(*order).limit(query.limit + 1))
        rows = found.all()
        shown = rows[: query.limit]
        return Page(
            items=[show(row) for row in shown],
            next_cursor=self._cursor_after(shown[-1], column, query.sort)
            if len(rows) > query.limit
            else None,
            total=total,
        )

    def _cursor_after(self, row: object, column: InstrumentedAttribute[Any], sort: str) -> str:
        value, last_id = getattr(row, column.key), getattr(row, "id")  # noqa: B009
        return self.cursors.write(self._order(sort), value, last_id)

    def _order(self, sort: str) -> str:
        return f"{self.path} {sort}"


async def get_pages(request: Request, session: SessionDep) -> Pages:
    return Pages(session=session, cursors=request.app.state.cursors, path=request.url.path)


PagesDep = Annotated[Pages, Depends(get_pages)]


async def _count(session: AsyncSession, statement: Select[Row]) -> int:
    counting = select(func.count()).select_from(statement.subquery())
    options = statement.get_execution_options()
    return await session.scalar(counting, execution_options=options) or 0


def _typed(column: InstrumentedAttribute[Any], value: str) -> object:
    """A cursor's text as the column's own type, so that PostgreSQL compares alike with alike."""
    python_type = column.type.python_type
    if python_type in (datetime, date):
        return python_type.fromisoformat(value)
    return {int: int, Decimal: Decimal, UUID: UUID}.get(python_type, str)(value)
