"""Notices 通知: what has happened to the records that somebody has a part in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Record


class Notice(Record):
    """One change, told to one account. Its text is made when it is read, see `news`."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("account_id", "change_id"),
        Index(None, "account_id", "created_at", "id"),
        Index(None, "account_id", "number"),
        Index(None, "created_at"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    number: Mapped[int] = mapped_column(
        BigInteger, Identity(), comment="in the order of commits: there is one who writes them"
    )
    change_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(100), comment="of the change: demand.published")
    subject_id: Mapped[UUID]
    titled_id: Mapped[UUID | None] = mapped_column(
        comment="the demand or the common problem whose title the text says"
    )
    happened_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    digest_id: Mapped[UUID | None] = mapped_column(comment="of the e-mail that tells of it")
    mailed_at: Mapped[datetime | None]
