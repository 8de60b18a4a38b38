"""The staff's desk: what waits for whom, and what to do about failed jobs."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.console import repository
from app.console.repository import Waiting
from app.console.schemas import JobBody, JobQuery, JobStatus, Queue, QueueItem, QueueQuery, TaskKind
from app.interface import auditing
from app.interface.errors import Conflict, NotFound, WrongState
from app.interface.language import Text
from app.interface.pagination import Cursors
from app.organizations.actors import Actor
from app.progress import operations as progress
from app.progress import repository as progress_repository
from app.progress.models import Operation

# Where the record is that a task is about.
PATHS = {
    TaskKind.VERIFY_ORGANIZATION: "/api/v1/organizations/{}",
    TaskKind.DECIDE_MEMBERSHIP: "/api/v1/memberships/{}",
    TaskKind.ISSUE_PASSWORD_RESET: "/api/v1/accounts/{}",
    TaskKind.REVIEW_EXPERT: "/api/v1/experts/{}",
    TaskKind.REVIEW_ACHIEVEMENT: "/api/v1/achievements/{}",
    TaskKind.REVIEW_DEMAND: "/api/v1/demands/{}",
    TaskKind.ANSWER_MATCH_REVIEW: "/api/v1/match-reviews/{}",
    TaskKind.CARRY_DOCKING: "/api/v1/dockings/{}",
}

ORDER = "queue waiting_since"  # what a cursor is of

# What tells of an account: the audit log says whose was shown.
NAMES_SOMEBODY = frozenset({TaskKind.DECIDE_MEMBERSHIP, TaskKind.ISSUE_PASSWORD_RESET})


async def read_queue(
    session: AsyncSession, cursors: Cursors, actor: Actor, query: QueueQuery
) -> Queue:
    """One page, from the cursor on."""
    found = await repository.waiting(session, actor, query, _position(cursors, query.cursor))
    shown = found[: query.limit]
    for item in shown:
        if item.kind in NAMES_SOMEBODY:
            auditing.touch(session, item.record_id)
    return Queue(
        counts=await repository.counts(session, actor, query.level),
        items=[_show(item) for item in shown],
        next_cursor=cursors.write(ORDER, shown[-1].waiting_since, shown[-1].record_id)
        if len(found) > len(shown)
        else None,
    )


def _position(cursors: Cursors, cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    waiting_since, record_id = cursors.read(cursor, ORDER)
    return datetime.fromisoformat(waiting_since), record_id


def _show(item: Waiting) -> QueueItem:
    return QueueItem(**asdict(item), path=PATHS[item.kind].format(item.record_id))


async def list_jobs(session: AsyncSession, query: JobQuery) -> list[JobBody]:
    return [JobBody.model_validate(job) for job in await repository.jobs(session, query)]


async def retry_job(session: AsyncSession, actor: Actor, job_id: int) -> Operation:
    """Run a failed job again as a new one; the failed one stays on record.

    The work of an operation is asked for anew instead: with the operation it has ended.
    """
    job = await repository.find_job(session, job_id)
    if job is None or job.task not in jobs.queue.tasks:
        raise NotFound()
    if job.status != JobStatus.FAILED:
        raise WrongState(verb="retry", state=job.status, allowed=[JobStatus.FAILED])
    if await progress_repository.id_of_job(session, job_id) is not None:
        raise Conflict(Text("请重新发起该操作", "Ask for this work anew"))
    operation = await progress.create(session, actor, job.task)
    try:
        await progress.enqueue(session, operation, **job.arguments)
    except AlreadyEnqueued:
        raise Conflict(Text("同样的任务已在等待", "The same task waits already")) from None
    return operation
