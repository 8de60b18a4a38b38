"""What the interface itself keeps: answers to requests that may come twice, and counters."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, JsonObject


class KeptAnswer(Base):
    """The answer to one request under an Idempotency-Key; null until the request is done."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index(None, "created_at"),)

    principal: Mapped[UUID] = mapped_column(primary_key=True, comment="account; nil for nobody")
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary, comment="of path and body")
    status: Mapped[int | None]
    headers: Mapped[JsonObject] = mapped_column(default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary, default=b"", comment="sealed")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RateLimit(Base):
    """One shared counter, see `app.interface.repository`; lost in a crash, which harms nobody."""

    __tablename__ = "rate_limits"
    __table_args__ = {"prefixes": ["UNLOGGED"]}

    subject: Mapped[bytes] = mapped_column(
        LargeBinary, primary_key=True, comment="keyed hash of the policy and of whom it counts"
    )
    full_at: Mapped[datetime] = mapped_column(comment="when its whole quota is there again")
    charged: Mapped[int] = mapped_column(comment="requests of the latest charge")
