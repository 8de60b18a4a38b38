"""Response bodies of attachments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.dockings.models import Side
from app.interface.pagination import PageQuery
from app.interface.schemas import RecordBody


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file as it came."""

    filename: str
    content: bytes


class AttachmentBody(RecordBody):
    """附件."""

    docking_id: UUID
    side: Side = Field(description="who handed it in", examples=[Side.ENTERPRISE])
    filename: str = Field(examples=["技术开发合同.pdf"])
    media_type: str = Field(description="told from the content", examples=["application/pdf"])
    size: int = Field(description="bytes", examples=[284311])
    sha256: str = Field(
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    )
    withdrawn_at: datetime | None = Field(
        description="since when there is no content any more", examples=[None]
    )
    withdrawal_reason: str = Field(examples=[""])
    allowed_actions: list[str] = Field(examples=[["withdraw"]])


class AttachmentQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"
