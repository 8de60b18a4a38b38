"""Response bodies and filters of notices."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.interface.pagination import PageQuery
from app.interface.schemas import RecordBody


class NoticeBody(RecordBody):
    """One thing that has happened, in words; `path` leads to the record."""

    kind: str = Field(examples=["docking.invited"])
    subject_id: UUID = Field(description="of the record to which it happened")
    text: str = Field(
        description="in the caller's language, with the title as the caller may see it now",
        examples=["邀请对接需求“超细旦锦纶袜浅色黄变控制”，请答复"],
    )
    path: str = Field(examples=["/api/v1/dockings/0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"])
    happened_at: datetime
    read_at: datetime | None = Field(examples=[None])


class NoticesRead(BaseModel):
    count: int = Field(description="notices that were not read before", examples=[3])


class NoticeQuery(PageQuery):
    is_read: bool | None = Field(
        default=None, description="with count=exact, `false` tells how many are unread"
    )
    sort: Literal["created_at", "-created_at"] = "-created_at"
