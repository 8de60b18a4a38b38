"""The job's side of an operation: begun, told of, stopped when somebody asks, ended."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from procrastinate import JobContext
from procrastinate.worker import Worker

from app.clock import now
from app.progress import operations, repository
from app.progress.models import LIVING, OperationState
from app.progress.workflow import settle
from app.scopes import Scope, Sessions, within


class Cancelled(Exception):
    """Somebody asked the work to stop; what was done so far is the work's own matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    sessions: Sessions
    operation_id: UUID


_followed: ContextVar[_Followed | None] = ContextVar("followed", default=None)


async def follow_job(run: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
    """Run a worker's job, as an operation if somebody follows it; a worker's middleware."""
    sessions: Sessions = context.additional_context["sessions"]
    async with within(sessions, Scope.PROGRESS)() as session:
        operation_id = await repository.id_of_job(session, context.job.id or 0)
    if operation_id is None:
        return await run()
    return await follow(sessions, operation_id, run)


async def follow(sessions: Sessions, operation_id: UUID, run: Callable[[], Awaitable[Any]]) -> None:
    """Begin the operation, run its work, and end it if the work has not ended it itself.

    Safe to call again after a worker was killed. An operation that has ended is left alone. One
    whose work raises stays as it is: the job comes again, or `end_lost` finds it.
    """
    sessions = within(sessions, Scope.PROGRESS)
    if not await _begin(sessions, operation_id):
        return
    token = _followed.set(_Followed(sessions=sessions, operation_id=operation_id))
    try:
        await run()
        await _end(sessions, operation_id)
    except Cancelled:
        await _stop(sessions, operation_id)
    finally:
        _followed.reset(token)


async def end_lost(sessions: Sessions) -> None:
    """End the operations whose job will not come back."""
    async with within(sessions, Scope.PROGRESS).begin() as session:
        await operations.end_lost(session)


async def advance(done: int, total: int | None) -> None:
    """Tell how far the work around this call is; says nothing where nobody follows.

    A safe point: raises Cancelled when somebody asked the work to stop.
    """
    followed = _followed.get()
    if followed is None:
        return
    async with followed.sessions.begin() as session:
        operation = await repository.find(session, followed.operation_id, is_for_update=True)
        if operation is None or operation.state not in LIVING:
            raise Cancelled
        operation.done_count, operation.total_count, operation.updated_at = done, total, now()
        is_cancelled = operation.cancel_requested_at is not None
    if is_cancelled:
        raise Cancelled


async def _begin(sessions: Sessions, operation_id: UUID) -> bool:
    """Whether there is work to do."""
    async with sessions.begin() as session:
        operation = await repository.find(session, operation_id, is_for_update=True)
        if operation is None or operation.state not in LIVING:
            return False
        if operation.cancel_requested_at is not None:
            await operations.cut_short(session, operation, None)
            return False
        settle(operation, OperationState.RUNNING)
        return True


async def _end(sessions: Sessions, operation_id: UUID) -> None:
    async with sessions.begin() as session:
        operation = await repository.find(session, operation_id, is_for_update=True)
        if operation is not None and operation.state in LIVING:
            await operations.end(session, operation, OperationState.DONE)


async def _stop(sessions: Sessions, operation_id: UUID) -> None:
    async with sessions.begin() as session:
        operation = await repository.find(session, operation_id, is_for_update=True)
        if operation is not None and operation.state in LIVING:
            await operations.cut_short(session, operation, None)
