"""Dockings 对接: a recommended match on its way to a solved problem, step by step."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from app.database import Record
from app.demands.models import Demand
from app.experts.models import Expert


class DockingState(StrEnum):
    """推荐, 邀请, 建立联系, 现场调研, 洽谈, 意向, 签约, 实施, 验收, 回访; 谢绝, 逾期, 未成."""

    RECOMMENDED = "recommended"
    INVITED = "invited"
    CONTACTED = "contacted"
    VISITED = "visited"
    NEGOTIATING = "negotiating"
    INTENT = "intent"
    SIGNED = "signed"
    IN_PROGRESS = "in_progress"
    ACCEPTED = "accepted"
    FOLLOWED_UP = "followed_up"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"


class Setback(StrEnum):
    """Why a docking was declined or failed; `other` says so in words."""

    NO_TIME = "no_time"
    OUT_OF_FIELD = "out_of_field"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    TERMS = "terms"
    BUDGET = "budget"
    INFEASIBLE = "infeasible"
    SOLVED_ELSEWHERE = "solved_elsewhere"
    DEMAND_WITHDRAWN = "demand_withdrawn"
    EXPERT_LEFT = "expert_left"
    NO_ANSWER = "no_answer"
    OTHER = "other"


class Side(StrEnum):
    """Whose step it is: the expert's, the enterprise's, or that of the staff between them."""

    EXPERT = "expert"
    ENTERPRISE = "enterprise"
    STAFF = "staff"


class Docking(Record):
    """One expert and one demand; of the two at most one docking is open."""

    __tablename__ = "dockings"
    __table_args__ = (
        Index(
            "uq_dockings_open",
            "demand_id",
            "expert_id",
            unique=True,
            postgresql_where=text("state NOT IN ('declined', 'expired', 'failed', 'followed_up')"),
        ),
        Index(None, "demand_id", "created_at", "id"),
        Index(None, "expert_id", "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "due_on"),
    )

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"), index=True)
    state: Mapped[DockingState] = mapped_column(default=DockingState.RECOMMENDED)
    setback: Mapped[Setback | None]
    invited_at: Mapped[datetime | None] = mapped_column(comment="the latest invitation")
    expert_accepted_at: Mapped[datetime | None]
    enterprise_accepted_at: Mapped[datetime | None]
    confidentiality_accepted_at: Mapped[datetime | None] = mapped_column(
        comment="since when the expert may read the demand in full"
    )
    result_accepted_on: Mapped[date | None]
    follow_ups: Mapped[int] = mapped_column(default=0, server_default="0")
    due_on: Mapped[date | None] = mapped_column(comment="the day by which the next step is due")
    reminded_on: Mapped[date | None]
    escalated_on: Mapped[date | None]
    closed_at: Mapped[datetime | None]

    demand: Mapped[Demand] = relationship(lazy="raise")
    expert: Mapped[Expert] = relationship(lazy="raise")


class DockingStep(Record):
    """What was done in a docking, by whom, on whose behalf; written once and never changed."""

    __tablename__ = "docking_steps"
    __table_args__ = (Index(None, "docking_id", "created_at", "id"),)

    docking_id: Mapped[UUID] = mapped_column(ForeignKey("dockings.id"))
    verb: Mapped[str]
    state: Mapped[DockingState] = mapped_column(comment="in which it left the docking")
    side: Mapped[Side] = mapped_column(comment="whose step it was, also when staff noted it")
    is_noted_by_staff: Mapped[bool] = mapped_column(default=False)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    setback: Mapped[Setback | None]
    note: Mapped[str] = mapped_column(default="")


class Part(Record):
    """What is kept beside a docking: read by whoever reads that, added to by its parties."""

    __abstract__ = True

    docking_id: Mapped[UUID] = mapped_column(ForeignKey("dockings.id"))
    side: Mapped[Side] = mapped_column(comment="of whom it comes")
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))

    @declared_attr
    def docking(self) -> Mapped[Docking]:
        return relationship(lazy="raise")
