"""Service corps 科技服务团: experts who stand ready for the enterprises of some regions."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, query_expression, relationship

from app.database import JsonObject, Record
from app.experts.models import Expert
from app.organizations.models import Organization


class CorpsLevel(StrEnum):
    """国家 / 省 / 市 / 县."""

    NATIONAL = "national"
    PROVINCIAL = "provincial"
    MUNICIPAL = "municipal"
    COUNTY = "county"


class CorpsKind(StrEnum):
    """科技服务团 / 服务队 / 技术经理人团队 / 组团式特派员."""

    SERVICE_CORPS = "service_corps"
    SERVICE_TEAM = "service_team"
    TECHNOLOGY_MANAGERS = "technology_managers"
    TECHNOLOGY_COMMISSIONERS = "technology_commissioners"


class CorpsState(StrEnum):
    """组建 / 派出 / 已有服务记录 / 已评价."""

    FORMING = "forming"
    DISPATCHED = "dispatched"
    SERVICE_RECORDED = "service_recorded"
    EVALUATED = "evaluated"


class CorpsRole(StrEnum):
    """团长 / 成员."""

    LEADER = "leader"
    MEMBER = "member"


class CorpsGrade(StrEnum):
    """优秀 / 良好 / 合格 / 不合格."""

    EXCELLENT = "excellent"
    GOOD = "good"
    QUALIFIED = "qualified"
    UNQUALIFIED = "unqualified"


class Corps(Record):
    """A corps of a year; once dispatched, the enterprises of the regions served read of it."""

    __tablename__ = "corps"
    __table_args__ = (
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "year", "id"),
        Index(None, "lead_organization_id"),
    )

    name: Mapped[str] = mapped_column(String(100))
    level: Mapped[CorpsLevel]
    kind: Mapped[CorpsKind]
    year: Mapped[int]
    lead_organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    region_code: Mapped[str | None] = mapped_column(
        ForeignKey("regions.code"), comment="whose staff form it"
    )
    industries: Mapped[list[str]] = mapped_column(ARRAY(String(3)), default=list)
    region_codes: Mapped[list[str]] = mapped_column(
        ARRAY(String(6)), default=list, comment="served by it"
    )
    state: Mapped[CorpsState] = mapped_column(default=CorpsState.FORMING)
    dispatched_at: Mapped[datetime | None] = mapped_column(
        comment="since when others than its own read it"
    )
    grade: Mapped[CorpsGrade | None]
    evaluation: Mapped[str] = mapped_column(default="")
    evaluated_at: Mapped[datetime | None]

    # Stays what was read when the row is written: nothing that a corps' staff change moves it.
    totals: Mapped[JsonObject | None] = query_expression(expire_on_flush=False)
    lead_organization: Mapped[Organization] = relationship(lazy="raise")
    members: Mapped[list["CorpsMember"]] = relationship(
        lazy="raise",
        order_by="(CorpsMember.role, CorpsMember.id)",
        back_populates="corps",
        cascade="all, delete-orphan",
    )


class CorpsMember(Record):
    """An expert in a corps."""

    __tablename__ = "corps_members"
    __table_args__ = (UniqueConstraint("corps_id", "expert_id"), Index(None, "expert_id"))

    corps_id: Mapped[UUID] = mapped_column(ForeignKey("corps.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    role: Mapped[CorpsRole]

    corps: Mapped[Corps] = relationship(lazy="raise", back_populates="members")
    expert: Mapped[Expert] = relationship(lazy="raise")
