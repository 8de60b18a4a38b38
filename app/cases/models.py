"""Cases 典型案例: how a demand was solved, told with the consent of everybody it tells of."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record
from app.experts.models import Expert


class CaseState(StrEnum):
    """征集 / 审核 / 发布."""

    COLLECTED = "collected"
    REVIEWED = "reviewed"
    PUBLISHED = "published"


class Case(Record):
    """A demand's background, solution and result; everybody signed in reads a published one."""

    __tablename__ = "cases"
    __table_args__ = (
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "organization_id"),
        Index(None, "demand_id"),
        Index(None, "docking_id"),
    )

    title: Mapped[str] = mapped_column(String(300))
    background: Mapped[str] = mapped_column(default="")
    solution: Mapped[str] = mapped_column(default="")
    result: Mapped[str] = mapped_column(default="")
    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    docking_id: Mapped[UUID | None] = mapped_column(ForeignKey("dockings.id"))
    # The demand's, which not everybody may read who may read the case.
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id"), comment="the demand's enterprise"
    )
    region_code: Mapped[str | None] = mapped_column(
        ForeignKey("regions.code"), comment="whose staff collect it"
    )
    state: Mapped[CaseState] = mapped_column(default=CaseState.COLLECTED)
    state_reason: Mapped[str] = mapped_column(default="")
    published_at: Mapped[datetime | None]

    parties: Mapped[list["CaseParty"]] = relationship(
        lazy="raise",
        order_by="(CaseParty.expert_id.is_not(None), CaseParty.id)",
        back_populates="case",
        cascade="all, delete-orphan",
    )


class CaseParty(Record):
    """Whom a case tells of, and whether they consent to these words, under which name."""

    __tablename__ = "case_parties"
    __table_args__ = (
        UniqueConstraint("case_id", "expert_id"),
        Index(
            "uq_case_parties_enterprise",
            "case_id",
            unique=True,
            postgresql_where=text("expert_id IS NULL"),
        ),
        Index(None, "expert_id"),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    expert_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("experts.id"), comment="null: the enterprise"
    )
    consented_at: Mapped[datetime | None]
    shown_as: Mapped[str] = mapped_column(
        String(100), default="", comment="by its own wish; empty: unnamed"
    )

    case: Mapped[Case] = relationship(lazy="raise", back_populates="parties")
    expert: Mapped[Expert | None] = relationship(lazy="raise")
