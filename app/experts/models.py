"""Experts, the evidence of what they can do, and how to reach them."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import JsonObject, Record
from app.encryption.sealed import Sealed
from app.organizations.models import Organization


class ExpertKind(StrEnum):
    ACADEMICIAN = "academician"
    EXPERT = "expert"
    OVERSEAS_TALENT = "overseas_talent"
    TECHNOLOGY_COMMISSIONER = "technology_commissioner"
    TECHNOLOGY_MANAGER = "technology_manager"


class ExpertState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    ORGANIZATION_REVIEW = "organization_review"
    RECOMMENDED = "recommended"
    IN_POOL = "in_pool"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class RemovalCause(StrEnum):
    """去世 / 退休 / 违规失信 / 重复合并 / 本人申请."""

    DECEASED = "deceased"
    RETIRED = "retired"
    MISCONDUCT = "misconduct"
    MERGED = "merged"
    REQUESTED = "requested"


class ConsentPurpose(StrEnum):
    """What an expert may allow or refuse: 参与匹配推荐 / 由外部向量或重排服务处理."""

    MATCHING = "matching"
    EXTERNAL_ENCODING = "external_encoding"


class ConsentSource(StrEnum):
    """本人在线表示 / 工作人员持有书面材料."""

    ONLINE = "online"
    WRITTEN = "written"


class ServiceMode(StrEnum):
    CONSULTING = "consulting"
    JOINT_RESEARCH = "joint_research"
    COMMISSIONED_DEVELOPMENT = "commissioned_development"
    TECHNOLOGY_TRANSFER = "technology_transfer"
    TRAINING = "training"
    PART_TIME = "part_time"
    TESTING = "testing"


class ConflictKind(StrEnum):
    """What binds an expert to an organization: 任职, 亲属, 师生, 持股, or anything else."""

    EMPLOYER = "employer"
    FAMILY = "family"
    SUPERVISOR = "supervisor"
    CO_OWNER = "co_owner"
    OTHER = "other"


class InvitationState(StrEnum):
    """待答复, 已接受, 已谢绝, called off by whoever invited, 逾期, 已收回 (counts no more)."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    TAKEN_BACK = "taken_back"


class EvidenceKind(StrEnum):
    PUBLICATION = "publication"
    PATENT = "patent"
    PROJECT = "project"
    AWARD = "award"
    ACHIEVEMENT = "achievement"


class Grade(StrEnum):
    """自述 / 有佐证 / 核验."""

    SELF_STATED = "self_stated"
    DOCUMENTED = "documented"
    VERIFIED = "verified"


class Expert(Record):
    """A person in the pool. `absences` hold `from_on` and `until_on`: then no invitation comes.

    `declared_conflicts` hold `organization_id` and `kind`; the kind of others that are declared
    was not said.
    """

    __tablename__ = "experts"
    __table_args__ = (
        CheckConstraint(
            "NOT (is_matching_refused AND state = 'in_pool')", name="refusals_stay_out_of_the_pool"
        ),
        Index("ix_experts_search", "search", postgresql_using="gin"),
        Index("ix_experts_disciplines", "disciplines", postgresql_using="gin"),
        Index("ix_experts_technology_fields", "technology_fields", postgresql_using="gin"),
        Index(None, "region_code"),
        Index(None, "organization_id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "name_pinyin", "id"),
        CheckConstraint("erased_at IS NULL OR state = 'removed'", name="erased_for_good"),
    )

    external_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    name_pinyin: Mapped[str] = mapped_column(default="", comment="for sorting and search")
    kind: Mapped[ExpertKind]
    state: Mapped[ExpertState] = mapped_column(default=ExpertState.DRAFT)
    state_reason: Mapped[str] = mapped_column(default="")
    removal_cause: Mapped[RemovalCause | None] = mapped_column(comment="of one who was removed")
    academy_division: Mapped[str] = mapped_column(default="", comment="学部")
    elected_year: Mapped[int | None]
    is_retired: Mapped[bool] = mapped_column(default=False)
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    organization_name: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="", comment="职称/职务")
    disciplines: Mapped[list[str]] = mapped_column(ARRAY(String(7)), default=list)
    technology_fields: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    research_directions: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    specialities: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    introduction: Mapped[str] = mapped_column(default="")
    languages: Mapped[list[str]] = mapped_column(ARRAY(String(2)), default=list)
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    country: Mapped[str | None] = mapped_column(ForeignKey("countries.code"))
    service_modes: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    yearly_capacity: Mapped[int | None] = mapped_column(
        comment="invitations a year; null: as usual, see the settings"
    )
    reduced_capacity: Mapped[int | None] = mapped_column(comment="减量")
    reduced_until_on: Mapped[date | None]
    is_do_not_contact: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="免打扰, without an end"
    )
    do_not_contact_until_on: Mapped[date | None]
    do_not_contact_reason: Mapped[str] = mapped_column(default="", server_default="")
    absences: Mapped[list[JsonObject]] = mapped_column(JSONB, default=list)
    conflicting_organization_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    declared_conflicts: Mapped[list[JsonObject]] = mapped_column(
        JSONB, default=list, server_default="[]", comment="organization_id and kind of each"
    )
    societies: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    orcid: Mapped[str | None] = mapped_column(String(19), unique=True)
    # What the consents in force say, so that every rule that needs it has it at hand.
    is_matching_refused: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_external_encoding_allowed: Mapped[bool] = mapped_column(
        default=False, server_default=false()
    )
    erased_at: Mapped[datetime | None]
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)

    organization: Mapped[Organization | None] = relationship(lazy="raise")
    evidence: Mapped[list["Evidence"]] = relationship(
        lazy="raise", order_by="Evidence.id", cascade="all, delete-orphan", passive_deletes=True
    )


class Evidence(Record):
    """One publication, patent, project, award or achievement, and how well it is attested."""

    __tablename__ = "evidence"

    expert_id: Mapped[UUID] = mapped_column(
        ForeignKey("experts.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[EvidenceKind]
    title: Mapped[str]
    abstract: Mapped[str] = mapped_column(default="")
    keywords: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    year: Mapped[int | None]
    identifier: Mapped[str] = mapped_column(default="", comment="DOI, patent number …")
    grade: Mapped[Grade] = mapped_column(default=Grade.SELF_STATED)
    verified_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))


class Invitation(Record):
    """One invitation of an expert; not to what. The moment is that of the docking it was for."""

    __tablename__ = "expert_invitations"
    __table_args__ = (UniqueConstraint("expert_id", "invited_at"),)

    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    invited_at: Mapped[datetime]
    state: Mapped[InvitationState] = mapped_column(default=InvitationState.OPEN)
    answered_at: Mapped[datetime | None] = mapped_column(comment="or when it ended otherwise")


class ExpertContact(Record):
    """How to reach an expert: kept apart, because far fewer people may read it."""

    __tablename__ = "expert_contacts"

    expert_id: Mapped[UUID] = mapped_column(
        ForeignKey("experts.id", ondelete="CASCADE"), unique=True
    )
    phone_sealed: Mapped[str] = mapped_column("phone", default="")
    email_sealed: Mapped[str] = mapped_column("email", default="")
    phone = Sealed()
    email = Sealed()


class Consent(Record):
    """One declaration of an expert's will about one purpose; the latest one is in force."""

    __tablename__ = "consents"
    __table_args__ = (Index(None, "expert_id", "created_at"),)

    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    purpose: Mapped[ConsentPurpose]
    is_given: Mapped[bool]
    source: Mapped[ConsentSource]
    text_version: Mapped[str] = mapped_column(String(20), comment="of the text that was shown")
    declared_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
