"""The log of a docking 工作记录: who was spoken to, what was seen, what was agreed."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.dockings.models import Part


class EntryKind(StrEnum):
    """联络 / 现场调研 / 会议纪要."""

    CONTACT = "contact"
    VISIT = "visit"
    MINUTES = "minutes"


class Channel(StrEnum):
    """电话 / 即时消息 / 邮件 / 面谈 / 线上会议."""

    PHONE = "phone"
    MESSAGE = "message"
    EMAIL = "email"
    IN_PERSON = "in_person"
    ONLINE = "online"


class LogEntry(Part):
    """Written once; a mistake is put right by another entry, which names it."""

    __tablename__ = "docking_log"
    __table_args__ = (
        Index(None, "docking_id", "created_at", "id"),
        Index(None, "docking_id", "happened_on", "id"),
    )

    kind: Mapped[EntryKind]
    channel: Mapped[Channel | None]
    happened_on: Mapped[date]
    place: Mapped[str] = mapped_column(String(300), default="")
    participants: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    text: Mapped[str] = mapped_column(Text)
    is_for_staff: Mapped[bool] = mapped_column(default=False, comment="the two sides do not see it")
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("docking_log.id"), unique=True)
