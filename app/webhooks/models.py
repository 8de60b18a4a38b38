"""Webhooks 事件推送: other systems that are told of changes, and every delivery to them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record
from app.encryption.sealed import Sealed


class DisabledCause(StrEnum):
    """By its owner; by the receiver's word (410); after days of nothing but failures."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


class DeliveryState(StrEnum):
    """`withheld`: by then the owner was not to know of it any more."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    WITHHELD = "withheld"


class Webhook(Record):
    """Where an account has the changes sent that it may know of."""

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "account_id", "created_at", "id"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    url: Mapped[str] = mapped_column(String(2000))
    kinds: Mapped[list[str]] = mapped_column(
        ARRAY(String), comment="demand.published, or demand.* for all"
    )
    is_enabled: Mapped[bool] = mapped_column(default=True)
    disabled_cause: Mapped[DisabledCause | None]
    secret_sealed: Mapped[str] = mapped_column("secret", default="")
    previous_secret_sealed: Mapped[str] = mapped_column("previous_secret", default="")
    secret = Sealed()
    previous_secret = Sealed()
    previous_secret_ends_at: Mapped[datetime | None] = mapped_column(comment="until then both sign")
    failing_since_at: Mapped[datetime | None] = mapped_column(
        comment="the first failure since the last success"
    )


class WebhookDelivery(Record):
    """One change on its way to one webhook; its id is what the receiver knows it by."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "change_id"),
        Index(None, "webhook_id", "created_at", "id"),
        Index(
            "ix_webhook_deliveries_waiting",
            "next_attempt_at",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(None, "created_at"),
    )

    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    change_id: Mapped[int | None] = mapped_column(BigInteger, comment="null for a test")
    kind: Mapped[str] = mapped_column(String(100))
    subject_id: Mapped[UUID]
    happened_at: Mapped[datetime]
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    attempted_at: Mapped[datetime | None]
    status_code: Mapped[int | None] = mapped_column(comment="of the last answer")
    error: Mapped[str] = mapped_column(String(20), default="", comment="why there was none")
    response: Mapped[str] = mapped_column(default="", comment="its beginning")

    webhook: Mapped[Webhook] = relationship(lazy="raise")
