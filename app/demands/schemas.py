"""Request and response bodies of demands."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, field_serializer, model_validator
from pydantic_core import PydanticCustomError

from app.database import JsonObject
from app.demands.models import (
    ActivityType,
    ConceptOrigin,
    CooperationMode,
    DemandState,
    HandoverKind,
)
from app.interface.pagination import PageQuery
from app.interface.schemas import (
    Body,
    ContactEmail,
    Day,
    Flag,
    FormText,
    Line,
    Moment,
    Phone,
    Reason,
    RecordBody,
    Unclassified,
    Whole,
    text_of,
)
from app.reference.codes import DisciplineCode, IndustryCode, RegionCode, TechnologyField
from matching.text import normalise
from matching.types import HEAVIEST, LONGEST_CONCEPT

Title = Annotated[str, text_of(300, min_length=1), Field(examples=["超细旦锦纶袜浅色黄变控制"])]
Keyword = Annotated[str, text_of(50, min_length=1), Field(examples=["锦纶染色"])]


def without_trailing_zeros(amount: Decimal) -> Decimal:
    """The database's 50.5000 as the 50.5 that was sent, and every nought as 0."""
    return Decimal(f"{amount.normalize() + 0:f}")


Money = Annotated[
    Decimal,
    Field(ge=0, max_digits=14, decimal_places=4, examples=["50"]),
    AfterValidator(without_trailing_zeros),
]
StoredMoney = Annotated[Decimal, AfterValidator(without_trailing_zeros)]


class Concept(Body):
    """A term of the demand, and what it counts for the matcher: 0 is deleted, 3 the most."""

    text: Annotated[str, text_of(LONGEST_CONCEPT, min_length=1), Field(examples=["热黄变"])]
    weight: Annotated[Whole, Field(ge=0, le=HEAVIEST, examples=[2])] = 1
    is_must_have: Flag = Field(
        default=False, description=f"counts as {HEAVIEST}; who lacks it is told"
    )
    origin: ConceptOrigin = ConceptOrigin.ADDED

    @model_validator(mode="after")
    def require_weight(self) -> "Concept":
        if self.is_must_have and not self.weight:
            message = ("必备概念的权重不能为 0", "A must-have cannot have the weight 0")
            raise PydanticCustomError("deleted_must_have", "deleted must-have", {"text": message})
        return self


def _each_once(concepts: list[Concept]) -> list[Concept]:
    forms = [normalise(concept.text) for concept in concepts]
    if len(set(forms)) < len(forms):
        message = ("概念重复", "A concept stands there twice")
        raise PydanticCustomError("duplicate", "duplicate concept", {"text": message})
    return concepts


Concepts = Annotated[list[Concept], Field(max_length=30), AfterValidator(_each_once)]


class DemandFields(Body):
    """The demand form; a draft may leave anything but the title open.

    Limits of the form (500 characters, five keywords, three years) are checked at `:submit`.
    """

    title: Title = ""
    problem: Annotated[FormText, Field(description="主要问题，提交时不超过 500 字")] = ""
    key_indicators: Annotated[FormText, Field(description="技术关键与指标")] = ""
    expected_outcome: Annotated[FormText, Field(description="预期目标")] = ""
    keywords: Annotated[list[Keyword], Field(max_length=20)] = []
    period_from_on: Day | None = None
    period_until_on: Day | None = None
    budget: Money | None = Field(default=None, description="万元")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    cooperation_mode: CooperationMode | None = None
    intended_partners: Line = ""
    activity_type: ActivityType | None = None
    discipline: DisciplineCode | None = None
    technology_field: TechnologyField | None = None
    industry_code: IndustryCode | None = None
    region_code: RegionCode | None = None
    public_summary: FormText = ""
    contact_name: Line = ""
    contact_phone: Phone = ""
    contact_email: ContactEmail = ""
    is_open_bid: Flag = Field(default=False, description="揭榜挂帅")
    assessment_indicators: FormText = ""
    time_limit_months: Annotated[Whole, Field(ge=1, le=600)] | None = None
    ownership_of_results: FormText = ""
    solver_conditions: FormText = ""
    is_confidential: Unclassified = False
    concepts: Annotated[Concepts, Field(description="概念及权重，见 `/diagnosis`")] = []

    @field_serializer("concepts")
    def store_concepts(self, concepts: list[Concept]) -> list[JsonObject]:
        """Each is stored whole, whatever of it was sent."""
        return [concept.model_dump(mode="json") for concept in concepts]


class DemandCreate(DemandFields):
    title: Title
    organization_id: UUID | None = Field(
        default=None, description="may be left out by an account that acts for one organization"
    )
    external_id: Annotated[str, text_of(100, min_length=1)] | None = None


class DemandUpdate(DemandFields):
    """JSON Merge Patch: what is absent stays."""


class PublicDemand(RecordBody):
    """What all staff and evaluators, and the experts it suits, may read of a published demand."""

    title: str = Field(examples=["超细旦锦纶袜浅色黄变控制"])
    state: DemandState = Field(examples=[DemandState.PUBLISHED])
    public_summary: str
    keywords: list[str]
    technology_field: str | None
    industry_code: str | None
    region_code: str | None
    is_open_bid: bool
    published_at: datetime | None
    allowed_actions: list[str] = Field(examples=[["withdraw", "match"]])


class DemandBody(PublicDemand):
    """The full text, for the enterprise and the staff of its region; null for other readers."""

    external_id: str | None = None
    organization_id: UUID | None = None
    organization_name: str | None = None
    state_reason: str | None = None
    handed_to_region_code: str | None = Field(
        default=None, description="the level that carries it; null: its own region's"
    )
    shared_region_codes: list[str] | None = None
    problem: str | None = None
    key_indicators: str | None = None
    expected_outcome: str | None = None
    period_from_on: date | None = None
    period_until_on: date | None = None
    budget: StoredMoney | None = None
    currency: str | None = None
    cooperation_mode: CooperationMode | None = None
    intended_partners: str | None = None
    activity_type: ActivityType | None = None
    discipline: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    contact_email: str | None = None
    assessment_indicators: str | None = None
    time_limit_months: int | None = None
    ownership_of_results: str | None = None
    solver_conditions: str | None = None
    is_confidential: bool | None = None
    concepts: list[Concept] | None = None
    submitted_at: datetime | None = None
    missing: list[str] | None = Field(default=None, description="what `:submit` will ask for")


class HandoverTo(Reason):
    """The region that the demand goes to, and why."""

    region_code: RegionCode


class HandoverBody(RecordBody):
    demand_id: UUID
    kind: HandoverKind
    from_region_code: str | None = Field(examples=["330782"])
    to_region_code: str = Field(description="000000: the country", examples=["330700"])
    reason: str = Field(examples=["本县无对口专家，请上级协调"])
    account_id: UUID | None


class HandoverQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class DemandQuery(PageQuery):
    text: Annotated[str | None, text_of(100, min_length=1), Field(examples=["锦纶"])] = None
    state: DemandState | None = None
    organization_id: UUID | None = None
    technology_field: TechnologyField | None = None
    industry_code: IndustryCode | None = Field(default=None, description="includes its parts")
    discipline: DisciplineCode | None = None
    region_code: RegionCode | None = Field(default=None, description="includes its counties")
    is_open_bid: bool | None = None
    created_at_gte: Moment | None = None
    sort: Literal["created_at", "-created_at", "title", "-title"] = "-created_at"

    @property
    def asks_for_full_text(self) -> bool:
        """Whether a hit would tell what the public part does not show."""
        return self.organization_id is not None or self.discipline is not None
