"""Operations: begun by a request, carried on by a job, ended once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.database import JsonObject
from app.interface.errors import NotFound, Problem, ProblemBody, WrongState
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import meet
from app.jobs import defer
from app.organizations.actors import Actor
from app.progress import repository
from app.progress.access import allowed_actions, may_read, readable
from app.progress.models import LIVING, Operation, OperationState
from app.progress.schemas import OperationBody, OperationQuery
from app.progress.workflow import settle

SORTS = {"created_at": Operation.created_at}
KEPT_FOR = timedelta(days=30)
SILENT_FOR = timedelta(hours=1)  # no import of the command line takes so long over 200 rows

# What a kind's domain has to put in order when its work is never begun, or never ended by itself.
Ending = Callable[[AsyncSession, Operation, Problem | None], Awaitable[None]]
_endings: dict[str, Ending] = {}


class WorkerLost(Problem):
    """Work that was begun as often as it may be, and never came to its end."""

    code = "work_failed"
    title = Text("任务多次执行失败", "The work failed as often as it was begun")


def when_cut_short(kind: str) -> Callable[[Ending], Ending]:
    """Register what happens, in the same transaction, when such an operation is cut short."""

    def register(ending: Ending) -> Ending:
        _endings[kind] = ending
        return ending

    return register


async def create(
    session: AsyncSession,
    actor: Actor,
    kind: str,
    *,
    result_path: str | None = None,
    is_kept: bool = False,
) -> Operation:
    """A queued operation; `enqueue` gives it its job."""
    operation = Operation(
        account_id=actor.account_id,
        kind=kind,
        state=OperationState.QUEUED,
        done_count=0,
        result_path=result_path,
        is_kept=is_kept,
    )
    session.add(operation)
    await changes.append(session, "operation.created", operation.id, actor_id=actor.account_id)
    return operation


async def begun(session: AsyncSession, actor: Actor, kind: str) -> Operation | None:
    """What the actor has asked for and waits for still, so that nobody fills the queue."""
    return await repository.find_living(session, actor.account_id, kind)


async def enqueue(session: AsyncSession, operation: Operation, **arguments: Any) -> None:
    """Queue the task that the operation is named after; see `app.jobs.defer`."""
    operation.job_id = await defer(session, operation.kind, **arguments)
    await session.flush()


async def get(session: AsyncSession, actor: Actor, operation_id: UUID) -> Operation:
    """The operation, if the actor may read it."""
    operation = await repository.find(session, operation_id)
    if operation is None or not may_read(actor, operation.account_id):
        raise NotFound()
    return operation


async def get_managed(session: AsyncSession, actor: Actor, operation_id: UUID) -> Operation:
    """The operation, locked: whoever may read it may also touch it."""
    operation = await repository.find(session, operation_id, is_for_update=True)
    if operation is None or not may_read(actor, operation.account_id):
        raise NotFound()
    meet(session, operation)
    return operation


async def search(
    pages: Pages, actor: Actor, query: OperationQuery, language: str
) -> Page[OperationBody]:
    return await pages.read(
        repository.listed(query, readable(actor, Operation.account_id)),
        query=query,
        columns=SORTS,
        show=lambda operation: show(operation, language),
    )


async def cancel(session: AsyncSession, actor: Actor, operation_id: UUID) -> Operation:
    """Take waiting work out of the queue; tell running work to stop at its next safe point."""
    operation = await get_managed(session, actor, operation_id)
    if operation.state not in LIVING:
        raise WrongState(verb="cancel", state=operation.state, allowed=sorted(LIVING))
    if operation.cancel_requested_at is not None:
        return operation
    operation.cancel_requested_at = now()
    await changes.append(
        session, "operation.cancel_requested", operation.id, actor_id=actor.account_id
    )
    if operation.job_id is not None and await repository.cancel_job(session, operation.job_id):
        await cut_short(session, operation, None)
    return operation


async def end(
    session: AsyncSession,
    operation: Operation,
    state: OperationState,
    problem: Problem | None = None,
) -> None:
    """End a living operation, in the transaction of its last work; `operation` is locked."""
    if operation.state not in LIVING:
        raise WrongState(verb="end", state=operation.state, allowed=sorted(LIVING))
    settle(operation, state)
    if problem is not None:
        operation.problem = _stored(problem)
    await changes.append(session, f"operation.{state}", operation.id)


async def cut_short(session: AsyncSession, operation: Operation, problem: Problem | None) -> None:
    """End an operation from outside its work: cancelled, or failed with the problem."""
    state = OperationState.FAILED if problem else OperationState.CANCELLED
    await end(session, operation, state, problem)
    if (ending := _endings.get(operation.kind)) is not None:
        await ending(session, operation, problem)


async def end_lost(session: AsyncSession) -> None:
    """End the operations whose job will not come back: none may stay `running` for ever."""
    for operation in await repository.find_lost(session, now() - SILENT_FOR):
        is_cancelled = operation.cancel_requested_at is not None
        await cut_short(session, operation, None if is_cancelled else WorkerLost())


async def delete_old(session: AsyncSession) -> None:
    """Delete what ended a month ago, but for what a record of its own still shows."""
    await repository.delete_ended(session, before=now() - KEPT_FOR)


def show(operation: Operation, language: str) -> OperationBody:
    problem = _shown(operation.problem, language) if operation.problem else None
    return OperationBody.of(operation, problem=problem, allowed_actions=allowed_actions(operation))


def _stored(problem: Problem) -> JsonObject:
    """In both languages: who reads it may speak another than who asked for the work."""
    return {
        "zh-CN": problem.body("zh-CN").model_dump(mode="json"),
        "en": problem.body("en").model_dump(mode="json"),
    }


def _shown(stored: JsonObject, language: str) -> ProblemBody:
    return ProblemBody.model_validate(stored[language])
