"""Request and response bodies of what is disclosed step by step."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.demands.models import ActivityType, CooperationMode
from app.demands.schemas import StoredMoney
from app.dockings.schemas import Step
from app.interface.schemas import ShortText


class Undertaking(BaseModel):
    """The text that an expert accepts before they read a demand in full."""

    text: str = Field(examples=["本人承诺对所阅需求全文保密。"])
    text_en: str = Field(examples=["I keep the full text of the demand to myself."])
    text_version: str = Field(examples=["2026-11-27.1"])


class ConfidentialityAccepted(Step):
    text_version: Annotated[
        ShortText,
        Field(description="of the text that was read, see `/confidentiality-terms`"),
    ] = Field(examples=["2026-11-27.1"])


class DisclosedDemand(BaseModel):
    """A demand in full, without how to reach anybody."""

    docking_id: UUID
    demand_id: UUID
    organization_name: str = Field(examples=["演示·义乌足韵袜业有限公司"])
    title: str = Field(examples=["超细旦锦纶袜浅色黄变控制"])
    problem: str
    key_indicators: str
    expected_outcome: str
    keywords: list[str]
    period_from_on: date | None
    period_until_on: date | None
    budget: StoredMoney | None = Field(description="万元", examples=["50"])
    currency: str = Field(examples=["CNY"])
    cooperation_mode: CooperationMode | None
    activity_type: ActivityType | None
    technology_field: str | None
    industry_code: str | None
    is_open_bid: bool
    assessment_indicators: str
    time_limit_months: int | None
    ownership_of_results: str
    solver_conditions: str


class ReachableExpert(BaseModel):
    name: str = Field(examples=["宣怡宁"])
    phone: str = Field(examples=["0512-85550100"])
    email: str = Field(examples=["xuan@demo.invalid"])


class ReachableEnterprise(BaseModel):
    organization_name: str = Field(examples=["演示·义乌足韵袜业有限公司"])
    name: str = Field(examples=["骆女士"])
    phone: str = Field(examples=["0579-85550100"])
    email: str = Field(examples=["luo@demo.invalid"])


class Contacts(BaseModel):
    """How both sides reach each other, since both have accepted."""

    docking_id: UUID
    expert: ReachableExpert
    enterprise: ReachableEnterprise
