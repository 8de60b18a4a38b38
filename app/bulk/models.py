"""Imports, and what is remembered of every record that came by one."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, JsonObject, Record


class ImportKind(StrEnum):
    ORGANIZATIONS = "organizations"
    EXPERTS = "experts"
    DEMANDS = "demands"
    ACHIEVEMENTS = "achievements"


class ImportMode(StrEnum):
    """全部成功才写入 / 合格的行写入."""

    ALL_OR_NOTHING = "all_or_nothing"
    PARTIAL = "partial"


class ImportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Import(Record):
    """One file on its way in; the bytes are forgotten once it is done or failed."""

    __tablename__ = "imports"
    __table_args__ = (Index(None, "account_id"), Index(None, "created_at", "id"))

    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id"), comment="null for the command line"
    )
    kind: Mapped[ImportKind]
    filename: Mapped[str] = mapped_column(String(300))
    mode: Mapped[ImportMode]
    is_admitting: Mapped[bool] = mapped_column(default=False, comment="straight into the pool")
    is_overwriting: Mapped[bool] = mapped_column(default=False)
    state: Mapped[ImportState] = mapped_column(default=ImportState.QUEUED)
    row_count: Mapped[int | None] = mapped_column(comment="null until the file was opened")
    read_count: Mapped[int] = mapped_column(default=0)
    created_count: Mapped[int] = mapped_column(default=0)
    updated_count: Mapped[int] = mapped_column(default=0)
    unchanged_count: Mapped[int] = mapped_column(default=0)
    rejected_count: Mapped[int] = mapped_column(default=0)
    incomplete_count: Mapped[int] = mapped_column(default=0, comment="accepted, but not whole")
    report: Mapped[list[JsonObject]] = mapped_column(JSONB, default=list, deferred=True)
    is_report_cut: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class ImportedRow(Base):
    """The last row that was written to a record.

    An edit of the record whose change is younger than `change_id` is newer than the row. The
    record's own version would not do: it also counts reviews and publication.
    """

    __tablename__ = "imported_rows"

    kind: Mapped[ImportKind] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(comment="SHA-256 of the row's fields")
    imported_at: Mapped[datetime]
    change_id: Mapped[int] = mapped_column(BigInteger)
