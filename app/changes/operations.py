"""Append a change in the transaction that makes it."""

from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes.models import Change
from app.interface import auditing


async def append(
    session: AsyncSession,
    kind: str,
    subject_id: UUID,
    *,
    actor_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Record that `kind` ("expert.updated") happened to the record `subject_id`.

    `data` holds ids, states and field names, never a person's data. The transaction's audit
    entry, which says on whose behalf, names the record.
    """
    entry_id = auditing.touch(session, subject_id)
    await session.flush()
    row = {"kind": kind, "subject_id": subject_id, "actor_id": actor_id, "data": data or {}}
    await session.execute(insert(Change), row | {"entry_id": entry_id})
