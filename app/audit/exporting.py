"""The audit log as a file, streamed: a thousand entries at a time, no transaction held open."""

from collections.abc import AsyncIterator, Sequence

from fastapi.responses import StreamingResponse
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import operations, repository
from app.audit.schemas import AuditEntryBody, AuditExport, AuditQuery, ExportFormat
from app.interface.models import AuditEntry
from app.scopes import Scope, Sessions, within
from app.settings import Settings
from app.spreadsheets import csv_file, csv_rows

CHUNK = 1_000
MEDIA_TYPES = {
    ExportFormat.JSONL: "application/jsonl; charset=utf-8",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}


async def export(
    session: AsyncSession, sessions: Sessions, settings: Settings, query: AuditExport
) -> StreamingResponse:
    """All entries that meet the filters, oldest first."""
    filters = AuditQuery(**query.model_dump(exclude={"format"}, exclude_unset=True))
    email_hash = await operations.attempted(session, settings, query)
    chunks = _chunks(
        within(sessions, Scope.AUDIT), repository.listed(filters, email_hash=email_hash)
    )
    written = _as_csv(chunks) if query.format is ExportFormat.CSV else _as_lines(chunks)
    return StreamingResponse(
        written,
        media_type=MEDIA_TYPES[query.format],
        headers={"Content-Disposition": f'attachment; filename="audit.{query.format}"'},
    )


async def _chunks(
    sessions: Sessions, statement: Select[AuditEntry]
) -> AsyncIterator[Sequence[AuditEntryBody]]:
    """Each in a session of its own, which does not wait for a slow reader."""
    last: AuditEntry | None = None
    while True:
        async with sessions() as session:
            found = await repository.next_entries(session, statement, last, CHUNK)
        if not found:
            return
        yield [AuditEntryBody.of(entry) for entry in found]
        last = found[-1]


async def _as_lines(chunks: AsyncIterator[Sequence[AuditEntryBody]]) -> AsyncIterator[str]:
    async for entries in chunks:
        yield "".join(f"{entry.model_dump_json()}\n" for entry in entries)


async def _as_csv(chunks: AsyncIterator[Sequence[AuditEntryBody]]) -> AsyncIterator[bytes]:
    yield csv_file([list(AuditEntryBody.model_fields)])
    async for entries in chunks:
        yield csv_rows(_cells(entry) for entry in entries)


def _cells(entry: AuditEntryBody) -> list[object]:
    values = entry.model_dump(mode="json").values()
    return [" ".join(v) if isinstance(v, list) else v for v in values]
