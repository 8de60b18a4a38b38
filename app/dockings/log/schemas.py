"""Request and response bodies of the log."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.dockings.log.models import Channel, EntryKind
from app.dockings.models import Side
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, Flag, Line, RecordBody, Texts, text_of

EntryText = Annotated[
    str,
    text_of(5_000, min_length=1),
    Field(examples=["看了染色车间两条产线，黄变集中在定型段；约定下周寄送样布"]),
]


class LogEntryCreate(Body):
    """What happened on a day; `corrects_id` names an entry that this one puts right."""

    kind: EntryKind = Field(examples=[EntryKind.VISIT])
    channel: Channel | None = Field(default=None, examples=[Channel.IN_PERSON])
    happened_on: Day = Field(description="today at the latest", examples=["2026-03-12"])
    place: Annotated[Line, Field(examples=["义乌工厂染色车间"])] = ""
    participants: Annotated[Texts, Field(examples=[["技术负责人", "专家"]])] = []
    text: EntryText
    is_for_staff: Flag = Field(
        default=False, description="by staff and for staff: the two sides do not see it"
    )
    corrects_id: UUID | None = Field(default=None, description="of one's own side", examples=[None])


class LogEntryBody(RecordBody):
    """工作记录：联络、现场调研或会议纪要."""

    docking_id: UUID
    side: Side = Field(description="who wrote it", examples=[Side.STAFF])
    kind: EntryKind = Field(examples=[EntryKind.VISIT])
    channel: Channel | None = Field(examples=[Channel.IN_PERSON])
    happened_on: date
    place: str = Field(examples=["义乌工厂染色车间"])
    participants: list[str] = Field(examples=[["技术负责人", "专家"]])
    text: str = Field(examples=["看了染色车间两条产线，黄变集中在定型段；约定下周寄送样布"])
    is_for_staff: bool
    corrects_id: UUID | None = Field(examples=[None])


class LogQuery(PageQuery):
    kind: EntryKind | None = None
    is_current: bool | None = Field(default=None, description="not put right by another entry")
    sort: Literal["created_at", "-created_at", "happened_on", "-happened_on"] = "-happened_on"
