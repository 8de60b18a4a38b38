"""Collection campaigns 需求征集: a call for demands of a scope until a day, and its entries."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record
from app.demands.models import Demand


class CampaignState(StrEnum):
    """草稿 / 征集中 / 已截止 / 已汇总 / 已发布."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    CONSOLIDATED = "consolidated"
    PUBLISHED = "published"


class Campaign(Record):
    """One batch; a scope that names nothing is that of its region, all industries and fields."""

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint("quota > 0", name="quota"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
    )

    batch: Mapped[str] = mapped_column(String(100), comment="批次")
    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[str] = mapped_column(default="")
    state: Mapped[CampaignState] = mapped_column(default=CampaignState.DRAFT)
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    region_codes: Mapped[list[str]] = mapped_column(ARRAY(String(6)), default=list)
    industry_codes: Mapped[list[str]] = mapped_column(ARRAY(String(3)), default=list)
    technology_fields: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    closes_on: Mapped[date] = mapped_column(comment="the last day")
    form_version: Mapped[str] = mapped_column(String(50), default="")
    responsible_department: Mapped[str] = mapped_column(String(100), default="")
    quota: Mapped[int | None] = mapped_column(comment="entries at most")
    published_at: Mapped[datetime | None]


class CampaignEntry(Record):
    """A demand that was entered into a campaign."""

    __tablename__ = "campaign_entries"
    __table_args__ = (
        UniqueConstraint("campaign_id", "demand_id"),
        Index(None, "campaign_id", "created_at", "id"),
        Index(None, "demand_id"),
    )

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))

    demand: Mapped[Demand] = relationship(lazy="raise")
