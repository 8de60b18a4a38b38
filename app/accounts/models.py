"""People and systems that sign in, and the secrets that let them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.clock import now
from app.database import Record
from app.encryption.sealed import Sealed


class Role(StrEnum):
    ENTERPRISE = "enterprise"
    EXPERT = "expert"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"
    EVALUATOR = "evaluator"


# Who judges what is handed in, and so acts for no organization.
STAFF = frozenset({Role.COORDINATOR, Role.ADMINISTRATOR})
# Who has records of their own or of the organizations that they are members of.
MEMBERS = frozenset({Role.ENTERPRISE, Role.EXPERT})
# Who reads what the pools hold openly; everybody else sees their own records.
POOL_READERS = STAFF | {Role.EVALUATOR}

NO_PASSWORD = ""  # in the place of a hash


class Account(Record):
    """One person who signs in; `region_code` bounds what a coordinator may touch.

    Of an enterprise's or expert's account it says which coordinators manage it.
    """

    __tablename__ = "accounts"
    # A list meets its rows in this order, so that it asks for the regions of no more than it shows.
    __table_args__ = (
        Index(None, "created_at", "id"),
        CheckConstraint("erased_at IS NULL OR NOT is_active", name="erased_for_good"),
    )

    email: Mapped[str] = mapped_column(String(254), unique=True, comment="lower case")
    display_name: Mapped[str] = mapped_column(String(100))
    role: Mapped[Role]
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    password_hash: Mapped[str] = mapped_column(String(200), comment="empty for no password")
    is_active: Mapped[bool] = mapped_column(default=True)
    signed_in_at: Mapped[datetime | None]
    tokens_valid_from: Mapped[datetime] = mapped_column(
        default=now, comment="access tokens issued before this have ended"
    )
    has_second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    has_notice_mail: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="wants notices by e-mail"
    )
    erased_at: Mapped[datetime | None]

    @property
    def has_password(self) -> bool:
        """False for somebody who came through a provider and has set none."""
        return self.password_hash != NO_PASSWORD


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


# Of a password reset: it was asked for and not answered yet, which an account does once.
OPEN_RESET = text("code_hash IS NULL AND used_at IS NULL")


class PasswordReset(Record):
    """A request for a new password; a coordinator hands the one-time code over by other means."""

    __tablename__ = "password_resets"
    __table_args__ = (
        Index("ix_password_resets_open", "account_id", unique=True, postgresql_where=OPEN_RESET),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    code_hash: Mapped[bytes | None] = mapped_column(unique=True, comment="null until issued")
    issued_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None] = mapped_column(comment="used, or replaced by a later one")
    account: Mapped[Account] = relationship(lazy="raise", foreign_keys=[account_id])


class SecondFactor(Record):
    """The authenticator of one account (RFC 6238); it counts once it was confirmed."""

    __tablename__ = "second_factors"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), unique=True)
    secret_sealed: Mapped[str] = mapped_column("secret", default="")
    secret = Sealed()
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(
        BigInteger, default=0, comment="of the last code that was used: none is used twice"
    )
    failed_count: Mapped[int] = mapped_column(default=0, comment="wrong codes since a right one")
    locked_until: Mapped[datetime | None]


class RecoveryCode(Record):
    """A code for the day when the authenticator is lost: shown once, kept as a hash, used once."""

    __tablename__ = "recovery_codes"

    factor_id: Mapped[UUID] = mapped_column(
        ForeignKey("second_factors.id", ondelete="CASCADE"), index=True
    )
    code_hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256")
    used_at: Mapped[datetime | None]


class Identity(Record):
    """Somebody as a sign-in provider knows them, linked to the account that they sign in to."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
