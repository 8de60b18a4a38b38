"""Request and response bodies of corps."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from app.corps.models import CorpsGrade, CorpsKind, CorpsLevel, CorpsRole, CorpsState
from app.demands.schemas import without_trailing_zeros
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, RecordBody, ShortText, Whole, text_of
from app.matches.schemas import MatchedExpert
from app.reference.codes import IndustryCode, RegionCode

Name = Annotated[ShortText, Field(examples=["义乌市针织产业科技服务团"])]
Year = Annotated[Whole, Field(ge=2000, le=2100, examples=[2026])]
Industries = Annotated[list[IndustryCode], Field(max_length=20, examples=[["17"]])]
Regions = Annotated[
    list[RegionCode],
    Field(min_length=1, max_length=50, description="that it serves", examples=[["330782"]]),
]


class CorpsMemberPart(Body):
    """An expert of the pool."""

    expert_id: UUID
    role: CorpsRole = Field(default=CorpsRole.MEMBER, examples=[CorpsRole.LEADER])


Members = Annotated[
    list[CorpsMemberPart], Field(max_length=50, description="one leader once it is dispatched")
]


class CorpsCreate(Body):
    name: Name
    level: CorpsLevel = Field(examples=[CorpsLevel.COUNTY])
    kind: CorpsKind = Field(examples=[CorpsKind.SERVICE_CORPS])
    year: Year
    lead_organization_id: UUID = Field(description="a verified one: a society, as a rule")
    region_code: RegionCode | None = Field(
        default=None, description="whose staff form it; without it one's own"
    )
    industries: Industries = []
    region_codes: Regions
    members: Members = []


class CorpsUpdate(Body):
    """Members are replaced as a whole."""

    name: Name = ""
    level: CorpsLevel = Field(default=CorpsLevel.COUNTY, examples=[CorpsLevel.COUNTY])
    kind: CorpsKind = Field(default=CorpsKind.SERVICE_CORPS, examples=[CorpsKind.SERVICE_CORPS])
    year: Year = 2026
    industries: Industries = []
    region_codes: Regions = []
    members: Members = []


class Evaluation(Body):
    grade: CorpsGrade = Field(examples=[CorpsGrade.GOOD])
    evaluation: Annotated[
        str, text_of(5_000, min_length=1), Field(examples=["服务覆盖重点企业，培训反响好"])
    ]


class CorpsTotals(BaseModel):
    """What its services come to, of those that the enterprises have confirmed."""

    service_count: int = Field(examples=[12])
    hours: Annotated[Decimal, AfterValidator(without_trailing_zeros)] = Field(examples=["46.5"])
    enterprise_count: int = Field(examples=[7])
    mean_satisfaction: float | None = Field(description="1 to 5, 5 is the best", examples=[4.6])


class CorpsMemberBody(BaseModel):
    expert: MatchedExpert
    role: CorpsRole
    is_in_pool: bool = Field(description="whether they can be asked at all", examples=[True])


class CorpsBody(RecordBody):
    """科技服务团：常设的专家服务队伍，团长在前."""

    name: str = Field(examples=["义乌市针织产业科技服务团"])
    level: CorpsLevel = Field(examples=[CorpsLevel.COUNTY])
    kind: CorpsKind = Field(examples=[CorpsKind.SERVICE_CORPS])
    year: int = Field(examples=[2026])
    lead_organization_id: UUID
    lead_organization_name: str = Field(examples=["演示·义乌市纺织工程学会"])
    region_code: str | None = Field(description="whose staff form it")
    industries: list[str] = Field(examples=[["17"]])
    region_codes: list[str] = Field(description="that it serves", examples=[["330782"]])
    state: CorpsState = Field(examples=[CorpsState.DISPATCHED])
    dispatched_at: datetime | None = Field(
        description="since when the enterprises of the regions served read of it"
    )
    grade: CorpsGrade | None = Field(description="told to its own", examples=[None])
    evaluation: str = Field(description="told to its own", examples=[""])
    evaluated_at: datetime | None = Field(examples=[None])
    members: list[CorpsMemberBody]
    totals: CorpsTotals
    allowed_actions: list[str] = Field(examples=[["update", "dispatch"]])


class CorpsQuery(PageQuery):
    state: CorpsState | None = None
    level: CorpsLevel | None = None
    kind: CorpsKind | None = None
    year: Annotated[int, Field(ge=2000, le=2100)] | None = None
    lead_organization_id: UUID | None = None
    industry: IndustryCode | None = None
    served_region_code: RegionCode | None = Field(
        default=None, description="a place; corps that serve it or all around it"
    )
    expert_id: UUID | None = None
    sort: Literal["created_at", "-created_at", "year", "-year"] = "-created_at"
