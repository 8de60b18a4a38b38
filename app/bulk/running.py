"""Run an import: the same for the worker's job and for the command line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from anyio import to_thread
from sqlalchemy import Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.accounts import repository as account_repository
from app.bulk import repository
from app.bulk.loading import Load, write_rows
from app.bulk.models import Import, ImportMode, ImportState
from app.bulk.parsing import Chunk, Parser
from app.bulk.reading import open_table
from app.bulk.report import Outcome, Report, rejected_by
from app.changes import operations as changes
from app.database import now
from app.interface.errors import Forbidden, Problem
from app.organizations.access import SERVICE, Actor, actor_of
from app.scopes import Scope, borrowed, open_scope, within

Sessions = async_sessionmaker[AsyncSession]
Progress = Callable[[int, int], None]

# Imports run one after another: two at once could both create what neither has found.
RUNNING_LOCK = func.hashtext("run_import")


def silent(done: int, total: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    load: Load
    mode: ImportMode
    filename: str
    content: bytes


async def run_import(sessions: Sessions, import_id: UUID, progress: Progress = silent) -> None:
    """Write the import's rows and its report; `progress` hears of rows done and rows in all.

    Safe to run again after a worker was killed: all-or-nothing left nothing behind, and rows
    that partial mode had written are met again as unchanged. A finished import is left alone.
    """
    async with sessions.begin() as guard:
        await guard.execute(select(func.pg_advisory_xact_lock(RUNNING_LOCK)))
        report = Report()
        try:
            work = await _begin(sessions, import_id)
            if work is not None:
                await _write(sessions, work, report, progress)
        except Problem as problem:
            report.add([rejected_by(None, problem)])
            await fail(sessions, import_id, report)


async def fail(sessions: Sessions, import_id: UUID, report: Report) -> None:
    """End an import that could not be run to its end."""
    async with within(sessions, Scope.IMPORTS).begin() as session:
        await _finish(session, import_id, ImportState.FAILED, report)


async def _begin(sessions: Sessions, import_id: UUID) -> _Work | None:
    """Mark the import as running; None if it is finished already."""
    async with within(sessions, Scope.IMPORTS).begin() as session:
        import_ = await repository.find_with_content(session, import_id)
        if import_ is None or import_.content is None:
            return None
        import_.state, import_.started_at, import_.read_count = ImportState.RUNNING, now(), 0
        load = Load(
            import_id=import_.id,
            kind=import_.kind,
            actor=await _actor_of(session, import_),
            is_admitting=import_.is_admitting,
            is_overwriting=import_.is_overwriting,
        )
        return _Work(
            load=load, mode=import_.mode, filename=import_.filename, content=import_.content
        )


async def _actor_of(session: AsyncSession, import_: Import) -> Actor:
    """With the rights that the account has now, not those of the time of the upload."""
    if import_.account_id is None:
        return SERVICE
    async with borrowed(session, Scope.IMPORTS):
        caller = await account_repository.enter(session, import_.account_id)
    if caller is None or not caller.account.is_active:
        raise Forbidden()
    actor = actor_of(caller)
    if not actor.is_staff:
        raise Forbidden()
    return actor


async def _act(session: AsyncSession, actor: Actor) -> None:
    """Let the transaction read what rows may mean, and write what the actor may write."""
    if actor.account_id is not None:
        await account_repository.enter(session, actor.account_id)
    await open_scope(session, Scope.IMPORT if actor.account_id else Scope.SERVICE)


async def _write(sessions: Sessions, work: _Work, report: Report, progress: Progress) -> None:
    table = await to_thread.run_sync(open_table, work.content, work.filename, work.load.kind)
    follow = _Follow(sessions, work.load.import_id, table.row_count, progress)
    chunks = Parser(work.load.kind).chunks(table)
    if work.mode is ImportMode.PARTIAL:
        await _write_partially(sessions, work.load, chunks, report, follow)
    else:
        await _write_all_or_nothing(sessions, work.load, chunks, report, follow)


@dataclass(eq=False)
class _Follow:
    """Tells the caller, and whoever reads the import, how far it has come."""

    sessions: Sessions
    import_id: UUID
    total: int
    progress: Progress
    done: int = 0

    async def advance(self, size: int) -> None:
        self.done += size
        values = {"read_count": self.done, "row_count": self.total}
        async with within(self.sessions, Scope.IMPORTS).begin() as session:
            await session.execute(_update(self.import_id, **values))
        self.progress(self.done, self.total)


async def _write_partially(
    sessions: Sessions, load: Load, chunks: Iterator[Chunk], report: Report, follow: _Follow
) -> None:
    """Each chunk in a transaction of its own: what is valid stays."""
    while chunk := await to_thread.run_sync(next, chunks, None):
        async with sessions.begin() as session:
            await _act(session, load.actor)
            results = await write_rows(session, load, chunk.rows)
        report.add(chunk.in_order(results))
        await follow.advance(chunk.size)
    async with within(sessions, Scope.IMPORTS).begin() as session:
        await _finish(session, load.import_id, ImportState.DONE, report)


async def _write_all_or_nothing(
    sessions: Sessions, load: Load, chunks: Iterator[Chunk], report: Report, follow: _Follow
) -> None:
    """One transaction, which is rolled back after the last row if one was rejected."""
    async with sessions() as session, session.begin() as transaction:
        await _act(session, load.actor)
        while chunk := await to_thread.run_sync(next, chunks, None):
            report.add(chunk.in_order(await write_rows(session, load, chunk.rows)))
            await follow.advance(chunk.size)
        if report.counts[Outcome.REJECTED]:
            await transaction.rollback()
        else:
            await _finish(session, load.import_id, ImportState.DONE, report)
    if report.counts[Outcome.REJECTED]:
        report.forget_written()
        await fail(sessions, load.import_id, report)


async def _finish(
    session: AsyncSession, import_id: UUID, state: ImportState, report: Report
) -> None:
    """Keep counts and report; the file itself, which holds personal data, is forgotten."""
    counts = {f"{outcome}_count": report.counts[outcome] for outcome in Outcome}
    statement = _update(
        import_id,
        state=state,
        report=report.entries,
        is_report_cut=report.is_cut,
        finished_at=now(),
        content=None,
        **counts,
    )
    await session.execute(statement)
    await changes.append(session, f"import.{state}", import_id)


def _update(import_id: UUID, **values: object) -> Update:
    """Straight to the row: several sessions follow one import."""
    statement = update(Import).where(Import.id == import_id).values(values)
    return statement.execution_options(synchronize_session=False)
