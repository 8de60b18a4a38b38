"""What the interface itself keeps: answers to requests that may come twice, counters, the log."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, SmallInteger, String, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, JsonObject, TransactionId


class KeptAnswer(Base):
    """The answer to one request under an Idempotency-Key; null until the request is done."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index(None, "created_at"),)

    principal: Mapped[UUID] = mapped_column(primary_key=True, comment="account; nil for nobody")
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(
        LargeBinary, comment="keyed; of the request and rights"
    )
    status: Mapped[int | None]
    headers: Mapped[JsonObject] = mapped_column(default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary, default=b"", comment="sealed")
    # No index: the rule of the table comes before `@>`, see `app.postgres.roles`, and a day is few.
    record_ids: Mapped[list[UUID] | None] = mapped_column(
        ARRAY(Uuid), comment="that the answer shows, and of the path; null for one of before"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AuditEntry(Base):
    """One request, job or command that wrote, read what is sensitive, or was refused.

    Ids and names of fields, never a value. The database refuses to change entries and to delete
    what is younger than half a year; no foreign key, since they outlive what they name.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "happened_at", "id"),
        Index(None, "account_id", "happened_at"),
        Index(None, "record_ids", postgresql_using="gin"),
        Index(None, "email_hash", postgresql_where=text("email_hash IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(
        TransactionId, server_default=text("pg_current_xact_id()")
    )
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    action: Mapped[str] = mapped_column(comment="'POST /demands', 'job run_import', 'command demo'")
    account_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    role: Mapped[str | None]
    record_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), comment="of the path, and touched")
    fields: Mapped[list[str]] = mapped_column(ARRAY(String), comment="names that were sent")
    status: Mapped[int | None] = mapped_column(SmallInteger, comment="null outside HTTP")
    code: Mapped[str | None] = mapped_column(comment="of the problem; null when it was done")
    request_id: Mapped[str | None]
    network: Mapped[str | None] = mapped_column(comment="the client's, never its whole address")
    email_hash: Mapped[bytes | None] = mapped_column(LargeBinary, comment="keyed; of a sign-in")
    item_count: Mapped[int | None] = mapped_column(
        SmallInteger, comment="of a batch, refused alike; null for a request of its own"
    )


class UnsealedEntry(Base):
    """An entry that waits for its seal: of all that is committed none can be overlooked."""

    __tablename__ = "unsealed_entries"

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)


class RateLimit(Base):
    """One shared counter, see `app.interface.counters`; lost in a crash, which harms nobody."""

    __tablename__ = "rate_limits"
    __table_args__ = {"prefixes": ["UNLOGGED"]}

    subject: Mapped[bytes] = mapped_column(
        LargeBinary, primary_key=True, comment="keyed hash of the policy and of whom it counts"
    )
    full_at: Mapped[datetime] = mapped_column(comment="when its whole quota is there again")
    charged: Mapped[int] = mapped_column(comment="requests of the latest charge")
