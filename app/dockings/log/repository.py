"""Every SELECT on the log."""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.dockings.log.models import LogEntry
from app.dockings.log.schemas import LogQuery


async def find(session: AsyncSession, docking_id: UUID, entry_id: UUID) -> LogEntry | None:
    """An entry of this docking."""
    one = (LogEntry.id == entry_id, LogEntry.docking_id == docking_id)
    return await session.scalar(select(LogEntry).where(*one))


async def is_corrected(session: AsyncSession, entry_id: UUID) -> bool:
    return bool(await session.scalar(select(exists().where(LogEntry.corrects_id == entry_id))))


def listed(docking_id: UUID, query: LogQuery, *, for_staff: bool) -> Select[LogEntry]:
    """Entries of a docking that meet the filters; those for staff only to them."""
    wanted: list[ColumnElement[bool]] = [LogEntry.docking_id == docking_id]
    if not for_staff:
        wanted.append(~LogEntry.is_for_staff)
    if query.kind is not None:
        wanted.append(LogEntry.kind == query.kind)
    if query.is_current is not None:
        correction = aliased(LogEntry)
        is_corrected = exists().where(correction.corrects_id == LogEntry.id)
        wanted.append(~is_corrected if query.is_current else is_corrected)
    return select(LogEntry).where(*wanted)
