"""Imports, and what is remembered of every record that came by one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.bulk.kinds import ImportKind, ImportMode
from app.database import Base, JsonObject, Record
from app.encryption.sealed import SealedBytes
from app.progress.models import Operation


class Import(Record):
    """One file on its way in; the bytes are forgotten once its operation has ended.

    It bears the id of its operation, which knows the state, how far it is, and the times.
    """

    __tablename__ = "imports"
    __table_args__ = (Index(None, "account_id"), Index(None, "created_at", "id"))

    id: Mapped[UUID] = mapped_column(ForeignKey("operations.id"), primary_key=True)
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id"), comment="null for the command line"
    )
    kind: Mapped[ImportKind]
    filename: Mapped[str] = mapped_column(String(300))
    mode: Mapped[ImportMode]
    is_admitting: Mapped[bool] = mapped_column(default=False, comment="straight into the pool")
    is_overwriting: Mapped[bool] = mapped_column(default=False)
    created_count: Mapped[int] = mapped_column(default=0)
    updated_count: Mapped[int] = mapped_column(default=0)
    unchanged_count: Mapped[int] = mapped_column(default=0)
    rejected_count: Mapped[int] = mapped_column(default=0)
    incomplete_count: Mapped[int] = mapped_column(default=0, comment="accepted, but not whole")
    report: Mapped[list[JsonObject]] = mapped_column(JSONB, default=list, deferred=True)
    is_report_cut: Mapped[bool] = mapped_column(default=False)
    content_sealed: Mapped[bytes | None] = mapped_column("content", LargeBinary, deferred=True)
    content = SealedBytes()
    operation: Mapped[Operation] = relationship(lazy="joined", innerjoin=True)


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
