"""Request and response bodies of collection campaigns."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.campaigns.models import CampaignState
from app.clock import today
from app.demands.models import DemandState
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, FormText, RecordBody, ShortText, Whole, text_of
from app.reference.codes import IndustryCode, RegionCode, TechnologyField

Batch = Annotated[ShortText, Field(examples=["2026年第四批"])]
Title = Annotated[str, text_of(300, min_length=1), Field(examples=["义乌市针织行业技术需求征集"])]
ClosesOn = Annotated[Day, Field(description="the last day, in China")]
Quota = Annotated[Whole, Field(ge=1, le=100_000, examples=[200])]


class CampaignFields(Body):
    """Without a list of industries or fields it is open to all, without regions to its own."""

    batch: Batch = ""
    title: Title = ""
    description: Annotated[FormText, Field(examples=["征集针织印染企业的技术难题"])] = ""
    region_codes: Annotated[list[RegionCode], Field(max_length=100)] = []
    industry_codes: Annotated[
        list[IndustryCode], Field(max_length=100, description="each includes its parts")
    ] = []
    technology_fields: Annotated[list[TechnologyField], Field(max_length=13)] = []
    form_version: Annotated[str, text_of(50), Field(examples=["2026-1"])] = ""
    responsible_department: Annotated[str, text_of(100), Field(examples=["义乌市科学技术局"])] = ""
    quota: Quota | None = Field(default=None, description="entries at most; null: any number")


class CampaignCreate(CampaignFields):
    batch: Batch
    title: Title
    closes_on: ClosesOn
    region_code: RegionCode | None = Field(default=None, description="whose staff run it")


class CampaignUpdate(CampaignFields):
    """JSON Merge Patch: what is absent stays."""

    closes_on: ClosesOn = Field(default_factory=today)


class CampaignBody(RecordBody):
    """需求征集：一个批次，面向一定范围，到期截止."""

    batch: str = Field(examples=["2026年第四批"])
    title: str = Field(examples=["义乌市针织行业技术需求征集"])
    description: str = Field(examples=["征集针织印染企业的技术难题"])
    state: CampaignState
    region_code: str | None
    region_codes: list[str] = Field(examples=[["330782"]])
    industry_codes: list[str] = Field(examples=[["17"]])
    technology_fields: list[str]
    closes_on: date
    form_version: str = Field(examples=["2026-1"])
    responsible_department: str = Field(examples=["义乌市科学技术局"])
    quota: int | None = Field(examples=[200])
    published_at: datetime | None
    is_accepting: bool = Field(description="open, and not past its last day")
    allowed_actions: list[str] = Field(examples=[["update", "close"]])


class CampaignQuery(PageQuery):
    state: CampaignState | None = None
    region_code: RegionCode | None = Field(default=None, description="whose staff run it")
    sort: Literal["created_at", "-created_at"] = "-created_at"


class EntryData(Body):
    demand_id: UUID


class EnteredDemand(RecordBody):
    """A demand that was entered: its public part, and whose it is to those who read it in full."""

    demand_id: UUID
    title: str = Field(examples=["超细旦锦纶袜浅色黄变控制"])
    state: DemandState
    public_summary: str
    keywords: list[str]
    technology_field: str | None
    industry_code: str | None
    region_code: str | None
    organization_name: str | None


class EnteredQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class CountOf(BaseModel):
    code: str | None = Field(description="null: none was given", examples=["330782"])
    count: int = Field(examples=[12])


class CampaignCounts(BaseModel):
    """How many were entered, the most first."""

    total: int = Field(examples=[12])
    by_technology_field: list[CountOf]
    by_region: list[CountOf]
    by_state: list[CountOf]
