"""Technical demands: what enterprises want solved."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import JsonObject, Record
from app.encryption.sealed import Sealed
from app.organizations.models import Organization


class DemandState(StrEnum):
    """草稿, 已提交, 形式审查, 部门审查, 退回诊断, 已公开, 不予受理, 已撤回.

    Then 对接中, 已签约, 跟踪回访, 已解决, 已关闭, 长期跟踪.
    """

    DRAFT = "draft"
    SUBMITTED = "submitted"
    FORMAL_REVIEW = "formal_review"
    DEPARTMENT_REVIEW = "department_review"
    RETURNED = "returned"
    PUBLISHED = "published"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DOCKING = "docking"
    SIGNED = "signed"
    FOLLOW_UP = "follow_up"
    RESOLVED = "resolved"
    CLOSED = "closed"
    TRACKING = "tracking"


class CooperationMode(StrEnum):
    INDEPENDENT = "independent"
    COMMISSIONED = "commissioned"
    COOPERATIVE = "cooperative"
    OTHER = "other"


class ActivityType(StrEnum):
    BASIC_RESEARCH = "basic_research"
    APPLIED_RESEARCH = "applied_research"
    EXPERIMENTAL_DEVELOPMENT = "experimental_development"
    RESULT_APPLICATION = "result_application"
    EXTENSION_SERVICE = "extension_service"
    PRODUCTION = "production"


class ConceptOrigin(StrEnum):
    """Whether a diagnosis found the term in the text, or somebody added it."""

    EXTRACTED = "extracted"
    ADDED = "added"


class HandoverKind(StrEnum):
    """上报 / 下派 / 共享 / 结束共享."""

    SUBMITTED_UP = "submitted_up"
    DISPATCHED = "dispatched"
    SHARED = "shared"
    SHARE_ENDED = "share_ended"


class Demand(Record):
    """One 技术需求 with the fields of the provincial form; money is in 万元."""

    __tablename__ = "demands"
    __table_args__ = (
        CheckConstraint(
            "NOT (is_confidential AND state = 'published')", name="secrets_stay_unpublished"
        ),
        Index("ix_demands_search", "search", postgresql_using="gin"),
        Index(None, "organization_id"),
        Index(None, "region_code"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "title", "id"),
    )

    external_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    state: Mapped[DemandState] = mapped_column(default=DemandState.DRAFT)
    state_reason: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(String(300))
    problem: Mapped[str] = mapped_column(default="", comment="主要问题")
    key_indicators: Mapped[str] = mapped_column(default="", comment="技术关键与指标")
    expected_outcome: Mapped[str] = mapped_column(default="", comment="预期目标")
    keywords: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    period_from_on: Mapped[date | None]
    period_until_on: Mapped[date | None]
    budget: Mapped[Decimal | None] = mapped_column(Numeric(14, 4), comment="万元")
    currency: Mapped[str] = mapped_column(String(3), default="CNY")
    cooperation_mode: Mapped[CooperationMode | None]
    intended_partners: Mapped[str] = mapped_column(default="")
    activity_type: Mapped[ActivityType | None]
    discipline: Mapped[str | None] = mapped_column(ForeignKey("disciplines.code"))
    technology_field: Mapped[str | None] = mapped_column(ForeignKey("technology_fields.code"))
    industry_code: Mapped[str | None] = mapped_column(ForeignKey("industries.code"))
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    # Which level carries it: its region's until it is handed up or down; 000000 is the country.
    handed_to_region_code: Mapped[str | None] = mapped_column(String(6))
    shared_region_codes: Mapped[list[str]] = mapped_column(
        ARRAY(String(6)), default=list, server_default="{}"
    )
    public_summary: Mapped[str] = mapped_column(default="")
    contact_name_sealed: Mapped[str] = mapped_column("contact_name", default="")
    contact_phone_sealed: Mapped[str] = mapped_column("contact_phone", default="")
    contact_email_sealed: Mapped[str] = mapped_column("contact_email", default="")
    contact_name = Sealed()
    contact_phone = Sealed()
    contact_email = Sealed()
    is_open_bid: Mapped[bool] = mapped_column(default=False, comment="揭榜挂帅")
    assessment_indicators: Mapped[str] = mapped_column(default="", comment="考核指标")
    time_limit_months: Mapped[int | None]
    ownership_of_results: Mapped[str] = mapped_column(default="", comment="产权归属")
    solver_conditions: Mapped[str] = mapped_column(default="")
    is_confidential: Mapped[bool] = mapped_column(default=False, comment="涉密")
    concepts: Mapped[list[JsonObject]] = mapped_column(
        JSONB, default=list, server_default="[]", comment="概念及权重"
    )
    submitted_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)

    # Whose it is decides who may read it, so no demand comes without.
    organization: Mapped[Organization] = relationship(lazy="joined", innerjoin=True)

    def __init__(self, **values: Any) -> None:
        """Shared with nobody, no concept decided on, which is known before the row is written."""
        super().__init__(**{"shared_region_codes": [], "concepts": [], **values})


class Handover(Record):
    """One step of a demand between the four levels, or sideways."""

    __tablename__ = "demand_handovers"
    __table_args__ = (Index(None, "demand_id", "created_at"),)

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    kind: Mapped[HandoverKind]
    from_region_code: Mapped[str | None] = mapped_column(String(6))
    to_region_code: Mapped[str] = mapped_column(String(6))
    reason: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
