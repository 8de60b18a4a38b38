"""Imports: a file is received, and people read what became of its rows."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import repository
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.models import Import
from app.bulk.reading.opening import open_table
from app.bulk.report import Report, as_csv
from app.bulk.running import RUN_IMPORT, Progress, run_import, silent
from app.bulk.schemas import ImportBody, ImportQuery, ImportSummary
from app.changes import operations as changes
from app.interface.errors import NotFound
from app.interface.pagination import Page, Pages
from app.organizations.actors import SERVICE, Actor
from app.progress import operations as progress
from app.progress.access import may_read, readable
from app.progress.following import follow
from app.progress.models import Operation
from app.scopes import Scope, Sessions, within

SORTS = {"created_at": Import.created_at}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, and what is to be done with it."""

    kind: ImportKind
    filename: str
    content: bytes
    mode: ImportMode = ImportMode.ALL_OR_NOTHING
    is_admitting: bool = False
    is_overwriting: bool = False


async def receive(session: AsyncSession, actor: Actor, upload: Upload) -> Operation:
    """Keep the file and queue its job; a file that cannot be read is refused at once."""
    import_ = await start(session, actor, upload)
    await progress.enqueue(session, import_.operation, import_id=str(import_.id))
    return import_.operation


async def start(session: AsyncSession, actor: Actor, upload: Upload) -> Import:
    """A queued import; raises Invalid for a file that holds no table of this kind."""
    await to_thread.run_sync(open_table, upload.content, upload.filename, upload.kind)
    operation = await progress.create(session, actor, RUN_IMPORT, is_kept=True)
    operation.result_path = f"/api/v1/imports/{operation.id}"
    import_ = Import(
        id=operation.id,
        operation=operation,
        account_id=actor.account_id,
        kind=upload.kind,
        filename=upload.filename,
        mode=upload.mode,
        is_admitting=upload.is_admitting,
        is_overwriting=upload.is_overwriting,
        report=[],
    )
    await to_thread.run_sync(setattr, import_, "content", upload.content)
    session.add(import_)
    await changes.append(session, "import.created", import_.id, actor_id=actor.account_id)
    return import_


async def import_file(
    sessions: Sessions, upload: Upload, tell: Progress = silent, report: Report | None = None
) -> ImportBody:
    """Import a file here and now, as the service itself; for the command line."""
    async with within(sessions, Scope.SERVICE).begin() as session:
        import_id = (await start(session, SERVICE, upload)).id
    await follow(sessions, import_id, partial(run_import, sessions, import_id, tell, report))
    async with within(sessions, Scope.SERVICE)() as session:
        return await get(session, SERVICE, import_id)


async def get(session: AsyncSession, actor: Actor, import_id: UUID) -> ImportBody:
    """The import with its report."""
    return ImportBody.of(await _get(session, actor, import_id))


async def report_file(session: AsyncSession, actor: Actor, import_id: UUID) -> bytes:
    """The report as a CSV file for spreadsheets."""
    import_ = await _get(session, actor, import_id)
    return as_csv(import_.report, is_cut=import_.is_report_cut)


async def search(pages: Pages, actor: Actor, query: ImportQuery) -> Page[ImportSummary]:
    return await pages.read(
        repository.listed(query, readable(actor, Import.account_id)),
        query=query,
        columns=SORTS,
        show=ImportSummary.of,
    )


async def _get(session: AsyncSession, actor: Actor, import_id: UUID) -> Import:
    import_ = await repository.find_with_report(session, import_id)
    if import_ is None or not may_read(actor, import_.account_id):
        raise NotFound()
    return import_
