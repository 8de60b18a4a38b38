"""Expert teams 专家团队: experts who serve one demand together, led by one of them."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record
from app.demands.models import Demand
from app.experts.models import Expert


class TeamState(StrEnum):
    """组建 / 确认 / 服务 / 解散."""

    FORMING = "forming"
    CONFIRMED = "confirmed"
    SERVING = "serving"
    DISSOLVED = "dissolved"


class TeamRole(StrEnum):
    """首席专家 / 成员."""

    CHIEF = "chief"
    MEMBER = "member"


class Team(Record):
    """Experts for one demand; its enterprise and its members know of it once it was confirmed."""

    __tablename__ = "teams"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="period"),
        Index(None, "demand_id", "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
    )

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    name: Mapped[str] = mapped_column(String(100))
    state: Mapped[TeamState] = mapped_column(default=TeamState.FORMING)
    state_reason: Mapped[str] = mapped_column(default="")
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    confirmed_at: Mapped[datetime | None] = mapped_column(
        comment="since when its enterprise and its members read it"
    )

    demand: Mapped[Demand] = relationship(lazy="raise")
    members: Mapped[list["TeamMember"]] = relationship(
        lazy="raise",
        order_by="(TeamMember.role, TeamMember.id)",
        back_populates="team",
        cascade="all, delete-orphan",
    )


class TeamMember(Record):
    """An expert in a team, and which of the demand's aspects they are there for."""

    __tablename__ = "team_members"
    __table_args__ = (UniqueConstraint("team_id", "expert_id"), Index(None, "expert_id"))

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    role: Mapped[TeamRole]
    aspects: Mapped[list[str]] = mapped_column(
        ARRAY(String), default=list, comment="what they are there for"
    )

    team: Mapped[Team] = relationship(lazy="raise", back_populates="members")
    expert: Mapped[Expert] = relationship(lazy="raise")
