"""Request and response bodies of experts."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, field_serializer, model_validator
from pydantic_core import PydanticCustomError
from stdnum import isni
from stdnum.exceptions import ValidationError

from app.database import JsonObject
from app.experts.models import (
    ConflictKind,
    ConsentPurpose,
    ConsentSource,
    EvidenceKind,
    ExpertKind,
    ExpertState,
    Grade,
    RemovalCause,
    ServiceMode,
)
from app.interface.pagination import PageQuery
from app.interface.schemas import (
    Body,
    ContactEmail,
    Day,
    Flag,
    FormText,
    Line,
    LongText,
    Phone,
    RecordBody,
    StoredEmail,
    Texts,
    VersionedBody,
    Whole,
    text_of,
)
from app.reference.codes import CountryCode, DisciplineCode, RegionCode, TechnologyField


def _checked_orcid(orcid: str) -> str:
    """An ORCID is an ISNI: 16 characters with an ISO 7064 mod 11-2 check digit."""
    try:
        isni.validate(orcid)
    except ValidationError:
        message = ("ORCID 不正确（校验位）", "Not an ORCID (check digit)")
        raise PydanticCustomError("bad_orcid", "bad ORCID", {"text": message}) from None
    return orcid


Orcid = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$", examples=["0000-0002-1825-0097"]),
    AfterValidator(_checked_orcid),
]
Year = Annotated[Whole, Field(ge=1900, le=2100, examples=[2023])]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$", examples=["zh"])]
ExpertName = Annotated[str, text_of(100, min_length=1), Field(examples=["林若溪"])]

MAX_EVIDENCE = 500


class Absence(Body):
    """A closed interval of days."""

    from_on: Day
    until_on: Day

    @model_validator(mode="after")
    def require_order(self) -> "Absence":
        if self.until_on < self.from_on:
            message = ("结束日期早于开始日期", "Ends before it begins")
            raise PydanticCustomError("bad_interval", "bad interval", {"text": message})
        return self


class DeclaredConflict(Body):
    """An organization that the expert has an interest in, and what it is."""

    organization_id: UUID
    kind: ConflictKind = Field(examples=[ConflictKind.FAMILY])


class EvidenceFields(Body):
    kind: EvidenceKind = EvidenceKind.PUBLICATION
    title: Annotated[
        str, text_of(500, min_length=1), Field(examples=["超细旦锦纶针织物染色牢度提升"])
    ] = ""
    abstract: FormText = ""
    keywords: Annotated[Texts, Field(max_length=20)] = []
    year: Year | None = None
    identifier: Line = ""


class EvidenceCreate(EvidenceFields):
    kind: EvidenceKind
    title: Annotated[
        str, text_of(500, min_length=1), Field(examples=["超细旦锦纶针织物染色牢度提升"])
    ]
    grade: Literal[Grade.SELF_STATED, Grade.DOCUMENTED] = Field(
        default=Grade.SELF_STATED, description="documented: for staff"
    )


class EvidenceUpdate(EvidenceFields):
    """JSON Merge Patch: what is absent stays. A changed item loses its grade."""


class EvidenceGrading(Body):
    grade: Grade


class EvidenceBody(RecordBody):
    kind: EvidenceKind
    title: str = Field(examples=["超细旦锦纶针织物染色牢度提升"])
    abstract: str
    keywords: list[str]
    year: int | None
    identifier: str
    grade: Grade


class ExpertFields(Body):
    """A profile; a draft may leave anything but the name and kind open."""

    name: ExpertName = ""
    kind: ExpertKind = ExpertKind.EXPERT
    academy_division: Line = ""
    elected_year: Year | None = Field(default=None, examples=[None])
    is_retired: Flag = False
    organization_id: UUID | None = Field(default=None, description="lends its name")
    organization_name: Annotated[
        Line, Field(description="alone, it ends the link", examples=["演示·江南纺织学院"])
    ] = ""
    title: Annotated[Line, Field(examples=["教授"])] = ""
    disciplines: Annotated[list[DisciplineCode], Field(max_length=20)] = []
    technology_fields: Annotated[list[TechnologyField], Field(max_length=13)] = []
    research_directions: Annotated[Texts, Field(examples=[["锦纶染整", "针织物功能整理"]])] = []
    specialities: Texts = []
    introduction: LongText = ""
    languages: Annotated[list[Language], Field(max_length=20)] = []
    region_code: RegionCode | None = None
    country: CountryCode | None = None
    service_modes: Annotated[list[ServiceMode], Field(max_length=10)] = []
    yearly_capacity: Annotated[Whole, Field(ge=0, le=365)] | None = Field(
        default=None, description="invitations a year; without, the platform's usual number"
    )
    reduced_capacity: Annotated[Whole, Field(ge=0, le=365)] | None = Field(
        default=None, description="fewer of them, through `reduced_until_on`", examples=[None]
    )
    reduced_until_on: Day | None = Field(default=None, examples=[None])
    is_do_not_contact: Flag = Field(
        default=False, description="no invitations; the expert and staff of the region set it"
    )
    do_not_contact_until_on: Day | None = Field(
        default=None, description="the same through that day", examples=[None]
    )
    do_not_contact_reason: Annotated[
        str, text_of(500), Field(description="read by those who may set it", examples=[""])
    ] = ""
    absences: Annotated[list[Absence], Field(max_length=50)] = []
    conflicting_organization_ids: Annotated[list[UUID], Field(max_length=100)] = []
    declared_conflicts: Annotated[list[DeclaredConflict], Field(max_length=100)] = Field(
        default=[], description="beside the above, with what they are", examples=[[]]
    )
    societies: Texts = []
    orcid: Orcid | None = None

    @field_serializer("absences", "declared_conflicts")
    def store_parts(self, parts: list[Absence] | list[DeclaredConflict]) -> list[JsonObject]:
        """Days and ids in them are stored as text, unlike those of all other fields."""
        return [part.model_dump(mode="json") for part in parts]


class ExpertCreate(ExpertFields):
    name: ExpertName
    external_id: Annotated[str, text_of(100, min_length=1)] | None = None
    evidence: Annotated[list[EvidenceCreate], Field(max_length=MAX_EVIDENCE)] = []


class ExpertUpdate(ExpertFields):
    """JSON Merge Patch: what is absent stays."""


class ExpertSummary(RecordBody):
    """What a list shows."""

    external_id: str | None
    name: str = Field(examples=["林若溪"])
    name_pinyin: str
    kind: ExpertKind = Field(examples=[ExpertKind.EXPERT])
    state: ExpertState = Field(examples=[ExpertState.IN_POOL])
    organization_id: UUID | None
    organization_name: str = Field(examples=["演示·江南纺织学院"])
    title: str = Field(examples=["教授"])
    disciplines: list[str]
    technology_fields: list[str]
    research_directions: list[str]
    region_code: str | None
    country: str | None
    allowed_actions: list[str] = Field(examples=[["update", "suspend"]])


class ExpertBody(ExpertSummary):
    state_reason: str
    removal_cause: RemovalCause | None = Field(examples=[None])
    account_id: UUID | None
    academy_division: str
    elected_year: int | None
    is_retired: bool
    specialities: list[str]
    introduction: str
    languages: list[str]
    service_modes: list[ServiceMode]
    yearly_capacity: int | None
    reduced_capacity: int | None = Field(examples=[None])
    reduced_until_on: date | None = Field(examples=[None])
    is_do_not_contact: bool
    do_not_contact_until_on: date | None = Field(examples=[None])
    do_not_contact_reason: str = Field(
        examples=[""], description="for the expert and staff of the region, else empty"
    )
    absences: list[Absence]
    conflicting_organization_ids: list[UUID]
    declared_conflicts: list[DeclaredConflict] = Field(examples=[[]])
    societies: list[str]
    orcid: str | None
    evidence: list[EvidenceBody]
    missing: list[str] = Field(description="what `:submit` and `:reinstate` ask for")


class ExpertFilters(Body):
    """What is asked of experts, in a list or by a saved query."""

    text: Annotated[str | None, text_of(100, min_length=1), Field(examples=["染整"])] = None
    kind: ExpertKind | None = None
    discipline: DisciplineCode | None = Field(default=None, description="includes its branches")
    technology_field: TechnologyField | None = None
    region_code: RegionCode | None = Field(default=None, description="includes its counties")
    country: CountryCode | None = None
    organization_id: UUID | None = None
    title: Annotated[str | None, text_of(100, min_length=1), Field(examples=["教授"])] = None


class ExpertQuery(ExpertFilters, PageQuery):
    state: ExpertState | None = None
    sort: Literal["created_at", "-created_at", "name_pinyin", "-name_pinyin"] = "-created_at"


class ContactFields(Body):
    phone: Phone = ""
    email: ContactEmail = ""


class ContactBody(VersionedBody):
    """The version is the expert's: contact data are a part of the record that fewer may read."""

    expert_id: UUID
    phone: Phone
    email: StoredEmail


class Removal(Body):
    cause: RemovalCause
    reason: Annotated[str, text_of(500)] = ""


class ConsentDeclaration(Body):
    """What the expert wants; `text_version` names the text they saw (`GET /consent-purposes`)."""

    purpose: Annotated[ConsentPurpose, Field(examples=[ConsentPurpose.EXTERNAL_ENCODING])]
    is_given: Annotated[Flag, Field(examples=[True])]
    text_version: Annotated[str, text_of(20, min_length=1), Field(examples=["2026-11-26.2"])]


class ConsentBody(RecordBody):
    expert_id: UUID
    purpose: ConsentPurpose = Field(examples=[ConsentPurpose.EXTERNAL_ENCODING])
    is_given: bool = Field(examples=[True])
    source: ConsentSource
    text_version: str = Field(examples=["2026-11-26.2"])
    declared_by_id: UUID | None


class ConsentQuery(PageQuery):
    purpose: ConsentPurpose | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class PurposeBody(BaseModel):
    """A purpose, in the words that people are asked with."""

    purpose: ConsentPurpose
    text: str = Field(examples=["同意将本人专业资料入库，用于企业技术需求的匹配和推荐。"])
    text_en: str = Field(examples=["My professional profile may be matched to demands."])
    text_version: str = Field(examples=["2026-11-26.2"])


class AccountLink(Body):
    account_id: UUID
