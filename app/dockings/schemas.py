"""Request and response bodies of dockings."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.dockings.models import DockingState, Setback, Side
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, FormText, RecordBody
from app.matches.schemas import MatchedExpert

Note = Annotated[FormText, Field(description="both sides and the staff read it")]


class DockingCreate(Body):
    match_id: UUID = Field(description="a match that a coordinator has recommended")


class Remark(Body):
    """What is to be said of a step that staff alone take."""

    note: Annotated[Note, Field(examples=["名单有误，请不必答复"])] = ""


class Step(Body):
    """A step that is taken, and what is to be said of it."""

    note: Annotated[Note, Field(examples=["已电话沟通，双方同意下周面谈"])] = ""
    on_behalf_of: Literal[Side.EXPERT, Side.ENTERPRISE] | None = Field(
        default=None, description="the side whose word staff note down; needs a note"
    )


class Setbacks(Step):
    """A step that ends the docking without a result."""

    setback: Setback = Field(examples=[Setback.NO_TIME], description="`other` needs a note")
    note: Annotated[Note, Field(examples=["近期承担重大项目，年内无法安排"])] = ""


class DockedDemand(BaseModel):
    """The demand by its public part."""

    id: UUID
    title: str = Field(examples=["超细旦锦纶袜浅色黄变控制"])
    public_summary: str
    region_code: str | None


class DockingBody(RecordBody):
    """对接：一位专家与一条需求."""

    demand_id: UUID
    expert_id: UUID
    match_id: UUID | None = Field(description="for the staff")
    state: DockingState = Field(examples=[DockingState.INVITED])
    setback: Setback | None = Field(description="why it was declined or failed", examples=[None])
    invited_at: datetime | None
    expert_accepted_at: datetime | None = Field(examples=[None])
    enterprise_accepted_at: datetime | None = Field(examples=[None])
    confidentiality_accepted_at: datetime | None = Field(
        description="since when the expert may read the demand in full", examples=[None]
    )
    result_accepted_on: date | None = Field(examples=[None])
    follow_ups: int = Field(description="made so far", examples=[0])
    due_on: date | None = Field(description="by when the next step is expected")
    reminded_on: date | None = Field(examples=[None])
    escalated_on: date | None = Field(description="handed up a level last", examples=[None])
    closed_at: datetime | None = Field(examples=[None])
    demand: DockedDemand
    expert: MatchedExpert
    allowed_actions: list[str] = Field(examples=[["accept-invitation", "decline"]])


class DockingStepBody(RecordBody):
    """A step in the timeline of a docking."""

    verb: str = Field(examples=["accept-invitation"])
    state: DockingState = Field(description="in which it left the docking")
    side: Side = Field(description="whose step it was, also when staff noted it")
    is_noted_by_staff: bool = Field(description="staff noted down what the side said")
    setback: Setback | None = Field(examples=[None])
    note: str = Field(examples=["已电话沟通，双方同意下周面谈"])


class DockingQuery(PageQuery):
    demand_id: UUID | None = None
    expert_id: UUID | None = None
    state: DockingState | None = None
    is_open: bool | None = Field(default=None, description="neither done nor ended otherwise")
    due_on_lte: Day | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class DockingStepQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"
