"""Attachments of a docking: files that its parties have handed in."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.dockings.models import Part


class Attachment(Part):
    """A file as it came, in the database: a backup has it, and a transaction keeps it or not."""

    __tablename__ = "docking_attachments"
    __table_args__ = (Index(None, "docking_id", "created_at", "id"),)

    filename: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100), comment="told from the content")
    size: Mapped[int] = mapped_column(comment="bytes")
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes | None] = mapped_column(
        LargeBinary, deferred=True, comment="null once it was withdrawn"
    )
    withdrawn_at: Mapped[datetime | None]
    withdrawal_reason: Mapped[str] = mapped_column(default="")
