"""Request and response bodies of cases."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.cases.models import CaseState
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, FormText, RecordBody, text_of
from app.reference.codes import RegionCode

Title = Annotated[str, text_of(300, min_length=1), Field(examples=["浅色锦纶袜不再黄变"])]
Background = Annotated[FormText, Field(examples=["浅色锦纶袜定型后黄变，退货率高"])]
Solution = Annotated[FormText, Field(examples=["专家团队改进前处理与低温定型工艺"])]
Result = Annotated[FormText, Field(examples=["连续三批热黄变 ΔE 小于 1.0，退货率降到 1% 以下"])]
ExpertIds = Annotated[
    list[UUID], Field(max_length=20, description="whom it tells of; the docking's is among them")
]


class CaseCreate(Body):
    demand_id: UUID = Field(description="that was solved")
    docking_id: UUID | None = Field(default=None, description="in which it was", examples=[None])
    title: Title
    background: Background = ""
    solution: Solution = ""
    result: Result = ""
    expert_ids: ExpertIds = []


class CaseUpdate(Body):
    """Whoever has consented to other words is asked anew."""

    title: Title = ""
    background: Background = ""
    solution: Solution = ""
    result: Result = ""
    expert_ids: ExpertIds = []


class CaseConsent(Body):
    shown_as: Annotated[str, text_of(100)] = Field(
        default="", description="the name that the case tells; empty: none", examples=["林教授"]
    )


class CasePartyBody(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    expert_id: UUID | None = Field(description="null: the enterprise", examples=[None])
    consented_at: datetime | None
    shown_as: str = Field(examples=["演示·义乌锦丝针织有限公司"])


class CaseBody(RecordBody):
    """典型案例."""

    title: str = Field(examples=["浅色锦纶袜不再黄变"])
    background: str = Field(examples=["浅色锦纶袜定型后黄变，退货率高"])
    solution: str = Field(examples=["专家团队改进前处理与低温定型工艺"])
    result: str = Field(examples=["连续三批热黄变 ΔE 小于 1.0，退货率降到 1% 以下"])
    region_code: str | None
    enterprise_name: str = Field(
        description="as it has consented; empty: unnamed", examples=["演示·义乌锦丝针织有限公司"]
    )
    expert_names: list[str] = Field(description="likewise", examples=[["林教授"]])
    state: CaseState = Field(examples=[CaseState.PUBLISHED])
    published_at: datetime | None
    state_reason: str = Field(description="for its own: why it was taken back", examples=[""])
    demand_id: UUID | None = Field(description="for its own")
    docking_id: UUID | None = Field(description="for its own", examples=[None])
    organization_id: UUID | None = Field(description="for its own")
    parties: list[CasePartyBody] = Field(description="for its own: who consents, enterprise first")
    allowed_actions: list[str] = Field(examples=[["consent", "withdraw-consent"]])


class CaseQuery(PageQuery):
    state: CaseState | None = None
    region_code: RegionCode | None = Field(default=None, description="and all in it")
    sort: Literal["created_at", "-created_at"] = "-created_at"
