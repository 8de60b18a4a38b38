"""Every SELECT of operations, and the DELETE."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import queries
from app.progress.models import LIVING, Operation
from app.progress.schemas import OperationQuery


async def find(
    session: AsyncSession, operation_id: UUID, *, is_for_update: bool = False
) -> Operation | None:
    return await session.get(
        Operation,
        operation_id,
        with_for_update=is_for_update or None,
        populate_existing=True,
    )


async def find_living(
    session: AsyncSession, account_id: UUID | None, kind: str
) -> Operation | None:
    """What the account has begun of this kind and is not through yet."""
    living = select(Operation).where(
        Operation.account_id == account_id, Operation.kind == kind, Operation.state.in_(LIVING)
    )
    return await session.scalar(living.order_by(Operation.created_at).limit(1))


async def id_of_job(session: AsyncSession, job_id: int) -> UUID | None:
    """The operation that the job works for, if somebody follows it."""
    return await session.scalar(select(Operation.id).where(Operation.job_id == job_id))


def listed(query: OperationQuery, readable: ColumnElement[bool]) -> Select[Operation]:
    statement = select(Operation).where(readable)
    return statement.where(*queries.equals(Operation, query, ("kind", "state")))


HAS_NO_JOB = text(
    "NOT EXISTS (SELECT FROM procrastinate_jobs AS job"
    " WHERE job.id = operations.job_id AND job.status IN ('todo', 'doing'))"
)


async def find_lost(session: AsyncSession, silent_since: datetime) -> Sequence[Operation]:
    """Living operations whose job is over, locked.

    Those of the command line have no job; they are lost when they have been silent for long.
    """
    is_lost = or_(
        and_(Operation.job_id.is_not(None), HAS_NO_JOB),
        and_(Operation.job_id.is_(None), Operation.updated_at < silent_since),
    )
    statement = select(Operation).where(Operation.state.in_(LIVING), is_lost)
    return (await session.scalars(statement.with_for_update(skip_locked=True))).all()


async def cancel_job(session: AsyncSession, job_id: int) -> bool:
    """Take a job that no worker has begun out of the queue; whether there was one."""
    statement = text("SELECT procrastinate_cancel_job_v1(:job_id, false, false)")
    return await session.scalar(statement, {"job_id": job_id}) is not None


async def delete_ended(session: AsyncSession, *, before: datetime) -> None:
    """All that ended before then, but for what is kept."""
    is_old = Operation.finished_at < before
    await session.execute(delete(Operation).where(is_old, Operation.is_kept.is_(False)))
