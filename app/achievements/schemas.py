"""Request and response bodies of achievements."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.achievements.models import (
    AchievementState,
    Form,
    IntellectualProperty,
    Level,
    Nature,
    Stage,
    TransferMode,
)
from app.interface.pagination import PageQuery
from app.interface.schemas import (
    Body,
    FormText,
    Line,
    RecordBody,
    ShortText,
    Unclassified,
    text_of,
)
from app.reference.codes import DisciplineCode, IndustryCode, RegionCode, TechnologyField

AchievementName = Annotated[
    str, text_of(300, min_length=1), Field(examples=["超细旦锦纶抗黄变前处理工艺"])
]


class AchievementFields(Body):
    """A result; a registered one may leave anything but the name open."""

    name: AchievementName = ""
    registration_number: Annotated[str, text_of(100), Field(examples=["9332026Y0042"])] = ""
    organization_id: UUID | None = Field(default=None, description="lends its name")
    organization_name: Annotated[Line, Field(description="alone, it ends the link")] = ""
    people: Annotated[list[ShortText], Field(max_length=50, examples=[["许嘉树"]])] = []
    nature: Nature | None = None
    level: Level | None = None
    stage: Stage | None = None
    form: Form | None = None
    keywords: Annotated[list[ShortText], Field(max_length=3, examples=[["锦纶", "抗黄变"]])] = []
    summary: FormText = ""
    technology_field: TechnologyField | None = None
    industry_code: IndustryCode | None = None
    disciplines: Annotated[list[DisciplineCode], Field(max_length=20)] = []
    region_code: RegionCode | None = None
    intellectual_property: Annotated[list[IntellectualProperty], Field(max_length=8)] = []
    transfer_modes: Annotated[list[TransferMode], Field(max_length=5)] = []
    is_confidential: Unclassified = False


class AchievementCreate(AchievementFields):
    name: AchievementName
    external_id: Annotated[str, text_of(100, min_length=1)] | None = None


class AchievementUpdate(AchievementFields):
    """JSON Merge Patch: what is absent stays."""


class AchievementSummary(RecordBody):
    """What a list shows."""

    external_id: str | None
    name: str = Field(examples=["超细旦锦纶抗黄变前处理工艺"])
    state: AchievementState = Field(examples=[AchievementState.PUBLISHED])
    organization_id: UUID | None
    organization_name: str
    level: Level | None
    stage: Stage | None
    form: Form | None
    keywords: list[str] = Field(examples=[["锦纶", "抗黄变"]])
    technology_field: str | None
    industry_code: str | None
    region_code: str | None
    allowed_actions: list[str] = Field(examples=[["update", "return", "withdraw"]])


class AchievementBody(AchievementSummary):
    registration_number: str
    state_reason: str
    people: list[str]
    nature: Nature | None
    summary: str
    disciplines: list[str]
    intellectual_property: list[IntellectualProperty]
    transfer_modes: list[TransferMode]
    is_confidential: bool
    missing: list[str] = Field(description="what `:review` will ask for")


class AchievementFilters(Body):
    """What is asked of achievements, in a list or by a saved query."""

    text: Annotated[str | None, text_of(100, min_length=1), Field(examples=["锦纶"])] = None
    organization_id: UUID | None = None
    technology_field: TechnologyField | None = None
    industry_code: IndustryCode | None = Field(default=None, description="includes its groups")
    discipline: DisciplineCode | None = Field(default=None, description="includes its branches")
    region_code: RegionCode | None = Field(default=None, description="includes its counties")
    level: Level | None = None
    stage: Stage | None = None
    form: Form | None = None


class AchievementQuery(AchievementFilters, PageQuery):
    state: AchievementState | None = None
    sort: Literal["created_at", "-created_at", "name", "-name"] = "-created_at"
