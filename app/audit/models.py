"""The seals over the audit log; the entries themselves are the interface's, which writes them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class AuditSeal(Base):
    """One block of committed entries, linked to the block before it.

    A seal is never changed or deleted, not even when the entries of its block are dropped.
    """

    __tablename__ = "audit_seals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, unique=True, comment="1, 2, 3 without a gap")
    sealed_at: Mapped[datetime]
    newest_at: Mapped[datetime] = mapped_column(comment="of the block's entries")
    entry_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    digests: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of each, one by one")
    dropped_through: Mapped[int] = mapped_column(
        BigInteger, comment="the entries up to this seal's were dropped, for their age, by then"
    )
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of all the above but id")
