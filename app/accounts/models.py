"""People and systems that sign in, and the secrets that let them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record, now


class Role(StrEnum):
    ENTERPRISE = "enterprise"
    EXPERT = "expert"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"
    EVALUATOR = "evaluator"


class Account(Record):
    """One person who signs in; `region_code` bounds what a coordinator may touch.

    Of an enterprise's or expert's account it says which coordinators manage it.
    """

    __tablename__ = "accounts"

    email: Mapped[str] = mapped_column(String(254), unique=True, comment="lower case")
    display_name: Mapped[str] = mapped_column(String(100))
    role: Mapped[Role]
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    password_hash: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)
    signed_in_at: Mapped[datetime | None]
    tokens_valid_from: Mapped[datetime] = mapped_column(
        default=now, comment="access tokens issued before this have ended"
    )


class RefreshToken(Record):
    """One link of a rotating chain; using an old link again ends the whole family."""

    __tablename__ = "refresh_tokens"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    family_id: Mapped[UUID] = mapped_column(index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiKey(Record):
    """A system's key: shown once, kept as a hash, acting with its account's rights."""

    __tablename__ = "api_keys"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(12))
    secret_hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256")
    is_read_only: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    account: Mapped[Account] = relationship(lazy="raise")


class PasswordReset(Record):
    """A request for a new password; a coordinator hands the one-time code over by other means."""

    __tablename__ = "password_resets"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    code_hash: Mapped[bytes | None] = mapped_column(unique=True, comment="null until issued")
    issued_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None] = mapped_column(comment="used, or replaced by a later one")
    account: Mapped[Account] = relationship(lazy="raise", foreign_keys=[account_id])
