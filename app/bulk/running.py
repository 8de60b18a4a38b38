"""Run an import: the same for the worker's job and for the command line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from anyio import to_thread
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository as account_repository
from app.bulk import repository
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.models import Import
from app.bulk.reading.opening import open_table
from app.bulk.reading.parsing import Chunk, Parser
from app.bulk.report import COUNTED, Outcome, Report, RowResult, refused_by
from app.bulk.writing.loading import Load, write_rows
from app.changes import operations as changes
from app.interface.errors import Forbidden, NotFound, Problem
from app.interface.language import Text
from app.jobs import defer_unless_waiting
from app.organizations.actors import SERVICE, Actor, actor_of
from app.progress import operations
from app.progress import repository as operation_repository
from app.progress.following import Cancelled, advance
from app.progress.models import Operation, OperationState
from app.progress.operations import when_cut_short
from app.scopes import Scope, Sessions, borrowed, open_scope, within

Progress = Callable[[int, int], None]

# Imports run one after another: two at once could both create what neither has found.
RUN_IMPORT = "run_import"
RUNNING_LOCK = func.hashtext(RUN_IMPORT)


class RowsRefused(Problem):
    """An all-or-nothing import of which a row was refused."""

    status, code = 422, "rows_rejected"
    title = Text("有行被拒绝，整个文件未写入", "Rows were refused, so nothing was written")


def silent(done: int, total: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    load: Load
    mode: ImportMode
    filename: str
    content: bytes


async def run_import(
    sessions: Sessions, import_id: UUID, tell: Progress = silent, report: Report | None = None
) -> None:
    """Write the import's rows and its report; `tell` hears of rows done and rows in all.

    `report`: an empty one to be filled, for who wants to know also what the kept one leaves out.

    To be run by `app.progress.following`. Safe to run again after a worker was killed:
    all-or-nothing left nothing behind, and rows that partial mode had written are met again as
    unchanged.
    """
    async with sessions.begin() as guard:
        await guard.execute(select(func.pg_advisory_xact_lock(RUNNING_LOCK)))
        report = report or Report()
        try:
            await _write(sessions, await _load(sessions, import_id), report, tell)
        except Problem as problem:
            report.add([refused_by(None, problem)])
            await _fail(sessions, import_id, report, problem)


async def _fail(sessions: Sessions, import_id: UUID, report: Report, problem: Problem) -> None:
    """End an import that could not be run to its end."""
    async with within(sessions, Scope.PROGRESS).begin() as session:
        await _finish(session, import_id, OperationState.FAILED, report, problem)


@when_cut_short(RUN_IMPORT)
async def forget_file(session: AsyncSession, operation: Operation, problem: Problem | None) -> None:
    """The file goes, the counts of what partial mode has written stay."""
    report = Report()
    report.add([refused_by(None, problem)] if problem else [])
    await repository.write(session, operation.id, report=report.entries, content_sealed=None)
    await changes.append(session, f"import.{operation.state}", operation.id)


async def _load(sessions: Sessions, import_id: UUID) -> _Work:
    """What is to be done; NotFound if there is no file any more."""
    async with within(sessions, Scope.PROGRESS).begin() as session:
        import_ = await repository.find_with_content(session, import_id)
        if import_ is None or import_.content_sealed is None:
            raise NotFound()
        load = Load(
            import_id=import_.id,
            handed_in_at=import_.created_at,
            kind=import_.kind,
            actor=await _actor_of(session, import_),
            is_admitting=import_.is_admitting,
            is_overwriting=import_.is_overwriting,
        )
        content = await to_thread.run_sync(getattr, import_, "content")
        return _Work(load=load, mode=import_.mode, filename=import_.filename, content=content)


async def _actor_of(session: AsyncSession, import_: Import) -> Actor:
    """With the rights that the account has now, not those of the time of the upload."""
    if import_.account_id is None:
        return SERVICE
    async with borrowed(session, Scope.LOOKUP):
        account = await account_repository.open_scope_of(session, import_.account_id)
    if account is None or not account.is_active:
        raise Forbidden()
    actor = actor_of(session, account)
    if not actor.is_staff:
        raise Forbidden()
    return actor


async def _act(session: AsyncSession, actor: Actor) -> None:
    """Let the transaction read what rows may mean, and write what the actor may write."""
    if actor.account_id is not None:
        await account_repository.open_scope_of(session, actor.account_id)
    await open_scope(session, Scope.IMPORT if actor.account_id else Scope.SERVICE)


async def _write(sessions: Sessions, work: _Work, report: Report, tell: Progress) -> None:
    table = await to_thread.run_sync(open_table, work.content, work.filename, work.load.kind)
    report.headings = table.headings
    report.add([RowResult(row=None, outcome=Outcome.NOTED, notes=table.notes)])
    follow = _Follow(table.row_count, tell)
    chunks = Parser(work.load.kind).chunks(table)
    is_partial = work.mode is ImportMode.PARTIAL
    write = _write_partially if is_partial else _write_all_or_nothing
    try:
        await follow.advance(0)
        await write(sessions, work.load, chunks, report, follow)
    except Cancelled:
        if not is_partial:
            report.forget_written()
        async with within(sessions, Scope.PROGRESS).begin() as session:
            await _end(session, work.load, OperationState.CANCELLED, report)


@dataclass(eq=False)
class _Follow:
    """Tells the terminal, and whoever follows the operation, how far the import is."""

    total: int
    tell: Progress
    done: int = 0

    async def advance(self, size: int) -> None:
        """Raises Cancelled; all that is written by then is committed, or nothing is."""
        self.done += size
        await advance(self.done, self.total)
        if size:
            self.tell(self.done, self.total)


async def _write_partially(
    sessions: Sessions, load: Load, chunks: Iterator[Chunk], report: Report, follow: _Follow
) -> None:
    """Each chunk in a transaction of its own: what is valid stays, and is counted."""
    while chunk := await to_thread.run_sync(next, chunks, None):
        async with sessions.begin() as session:
            await _act(session, load.actor)
            report.add(chunk.in_order(await write_rows(session, load, chunk.rows)))
            await repository.write(session, load.import_id, **_counts(report))
        await follow.advance(chunk.size)
    async with within(sessions, Scope.PROGRESS).begin() as session:
        await _end(session, load, OperationState.DONE, report)


async def _write_all_or_nothing(
    sessions: Sessions, load: Load, chunks: Iterator[Chunk], report: Report, follow: _Follow
) -> None:
    """One transaction, which is rolled back after the last row if one was refused."""
    async with sessions() as session, session.begin() as transaction:
        await _act(session, load.actor)
        while chunk := await to_thread.run_sync(next, chunks, None):
            report.add(chunk.in_order(await write_rows(session, load, chunk.rows)))
            await follow.advance(chunk.size)
        if report.counts[Outcome.REFUSED]:
            await transaction.rollback()
        else:
            await _end(session, load, OperationState.DONE, report)
    if report.counts[Outcome.REFUSED]:
        report.forget_written()
        await _fail(sessions, load.import_id, report, RowsRefused())


async def _end(session: AsyncSession, load: Load, state: OperationState, report: Report) -> None:
    """Finish what may have written; the names that organizations lend follow by a job."""
    if load.kind is ImportKind.ORGANIZATIONS:
        await defer_unless_waiting(session, "renew_lent_names")
    await _finish(session, load.import_id, state, report)


async def _finish(
    session: AsyncSession,
    import_id: UUID,
    state: OperationState,
    report: Report,
    problem: Problem | None = None,
) -> None:
    """Keep counts and report, and end the operation; the file, personal data, is forgotten."""
    operation = await operation_repository.find(session, import_id, is_for_update=True)
    if operation is None:
        raise NotFound()
    await operations.end(session, operation, state, problem)
    await repository.write(
        session,
        import_id,
        report=report.entries,
        is_report_cut=report.is_cut,
        content_sealed=None,
        **_counts(report),
    )
    await changes.append(session, f"import.{state}", import_id)


def _counts(report: Report) -> dict[str, int]:
    return {f"{outcome}_count": report.counts[outcome] for outcome in COUNTED}
