"""Operations: work that outlives the request that asked for it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import JsonObject, Record


class OperationState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVING = frozenset({OperationState.QUEUED, OperationState.RUNNING})


class Operation(Record):
    """How far a piece of long work is; the only place that knows."""

    __tablename__ = "operations"
    __table_args__ = (
        Index(None, "account_id"),
        Index(None, "created_at", "id"),
        Index("ix_operations_living", "state", postgresql_where="state IN ('queued', 'running')"),
    )

    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id"), comment="who asked; null for the command line"
    )
    kind: Mapped[str] = mapped_column(String(100), comment="the name of the job's task")
    job_id: Mapped[int | None] = mapped_column(
        BigInteger, unique=True, comment="null for the command line"
    )
    state: Mapped[OperationState] = mapped_column(default=OperationState.QUEUED)
    done_count: Mapped[int] = mapped_column(default=0)
    total_count: Mapped[int | None] = mapped_column(comment="null until it is known")
    result_path: Mapped[str | None] = mapped_column(comment="where its result is, or will be")
    problem: Mapped[JsonObject | None] = mapped_column(comment="in both languages, RFC 9457")
    cancel_requested_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    is_kept: Mapped[bool] = mapped_column(
        default=False, comment="a record of the same id shows it, so it is not deleted"
    )
