"""Request and response bodies of government questions."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, FormText, LongText, RecordBody, text_of
from app.matches.schemas import MatchedExpert
from app.questions.models import QuestionState
from app.reference.codes import RegionCode

BODY, DELIVERABLE = "义乌市科学技术局", "咨询报告，不超过 20 页"
REPORT = "三位专家一致认为应先在两家企业试点低温定型。"
Topic = Annotated[str, text_of(300, min_length=1), Field(examples=["袜业绿色染整路线选择"])]
Asked = Annotated[
    str, text_of(5_000, min_length=1), Field(examples=["本市袜业应优先推广哪些低碳染整工艺？"])
]
Deliverable = Annotated[str, text_of(300), Field(examples=[DELIVERABLE])]
BodyName = Annotated[
    str, text_of(300), Field(examples=[BODY], description="where it is no organization here")
]
Opinion = Annotated[
    str, text_of(5_000, min_length=1), Field(examples=["建议优先推广低温定型，节能约三成"])
]


class QuestionFields(Body):
    topic: Topic
    text: Asked
    due_on: Day = Field(examples=["2027-03-31"])
    deliverable: Deliverable = ""


class QuestionCreate(QuestionFields):
    """A question of a government department, which stands here or is named."""

    region_code: RegionCode | None = Field(
        default=None, description="else the caller's own", examples=["330782"]
    )
    commissioning_organization_id: UUID | None = Field(
        default=None, description="an organization of kind `government_department`"
    )
    commissioning_body: BodyName = ""


class Consulting(Body):
    """Whom to ask, besides those who were asked before."""

    expert_ids: Annotated[list[UUID], Field(min_length=1, max_length=20, description="of the pool")]


class OpinionGiven(Body):
    opinion: Opinion


class Report(Body):
    report: Annotated[LongText, Field(min_length=1, examples=[REPORT])]


class Adoption(Body):
    adoption: Annotated[
        FormText, Field(min_length=1, examples=["写入全市袜业绿色改造三年行动方案"])
    ]
    adopted_on: Day = Field(description="today at the latest", examples=["2026-03-12"])


class ConsultationBody(BaseModel):
    """An expert who was asked, and what they say."""

    id: UUID
    expert: MatchedExpert | None = Field(description="null: not in the pool any more")
    opinion: str = Field(examples=["建议优先推广低温定型，节能约三成"])
    submitted_at: datetime | None = Field(description="null: not yet")


class QuestionSummary(RecordBody):
    """What a list shows."""

    region_code: str = Field(examples=["330782"])
    topic: str = Field(examples=["袜业绿色染整路线选择"])
    commissioning_organization_id: UUID | None
    commissioning_body: str = Field(examples=[BODY])
    due_on: date
    state: QuestionState = Field(examples=[QuestionState.ACCEPTED])
    state_reason: str = Field(description="why it was declined", examples=[""])
    adopted_on: date | None = Field(examples=[None])
    allowed_actions: list[str] = Field(examples=[["consult", "conclude-study", "decline"]])


class QuestionBody(QuestionSummary):
    """政府战略需求，含专家意见与报告."""

    text: str = Field(examples=["本市袜业应优先推广哪些低碳染整工艺？"])
    deliverable: str = Field(examples=[DELIVERABLE])
    report: str | None = Field(
        description="for the staff and the body that asks; null to experts", examples=[REPORT]
    )
    adoption: str | None = Field(description="what came of it, likewise", examples=[""])
    consultations: list[ConsultationBody] = Field(
        description="for the staff; to an expert their own alone"
    )


class QuestionQuery(PageQuery):
    state: QuestionState | None = None
    is_open: bool | None = Field(default=None, description="neither adopted nor declined")
    region_code: RegionCode | None = Field(default=None, description="includes its counties")
    commissioning_organization_id: UUID | None = None
    expert_id: UUID | None = Field(default=None, description="who was asked")
    due_on_gte: Day | None = None
    due_on_lte: Day | None = None
    sort: Literal["created_at", "-created_at", "due_on", "-due_on"] = "-created_at"
