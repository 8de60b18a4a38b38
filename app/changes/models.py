"""The append-only record of what happened, from which every follower reads."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, JsonObject, TransactionId


class Epoch(Base):
    """One life of this database: from its making, or from a restore, to the next one."""

    __tablename__ = "epochs"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    id: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    cluster: Mapped[str] = mapped_column(comment="its system identifier")
    database: Mapped[str] = mapped_column(comment="its object id there")
    began_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Change(Base):
    """One thing that happened to one record, written in the transaction that did it."""

    __tablename__ = "changes"
    __table_args__ = (Index(None, "transaction_id", "id"), Index(None, "subject_id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction_id: Mapped[int] = mapped_column(
        TransactionId, server_default=text("pg_current_xact_id()")
    )
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str] = mapped_column(comment="record and what happened: demand.published")
    subject_id: Mapped[UUID]
    actor_id: Mapped[UUID | None] = mapped_column(comment="account; null for the service itself")
    data: Mapped[JsonObject] = mapped_column(default=dict)
    entry_id: Mapped[UUID | None] = mapped_column(comment="of its transaction in audit_entries")


class Follower(Base):
    """How far one that reads the changes by jobs has come; see `followers`."""

    __tablename__ = "followers"

    name: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str]
    oldest: Mapped[int] = mapped_column(BigInteger)
    seen: Mapped[list[list[int]]] = mapped_column(JSONB, comment="pairs of transaction and change")
    latest_id: Mapped[int] = mapped_column(BigInteger, comment="of the changes it has read")
