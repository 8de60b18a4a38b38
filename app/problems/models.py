"""Common technical problems 共性技术难题: like demands of several enterprises, seen as one."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record

MOST_MEMBERS = 100  # that a person gives a problem, with those taken out of it, which are kept


class ProblemState(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    LAPSED = "lapsed"


class Likeness(StrEnum):
    """近似重复 / 相似."""

    NEAR_DUPLICATE = "near_duplicate"
    SIMILAR = "similar"


class Origin(StrEnum):
    """How a demand came into a problem: by its likeness, or by hand."""

    FOUND = "found"
    ADDED = "added"


class CommonProblem(Record):
    """Demands of at least two enterprises that may be solved together.

    Whose they are and where stands here, too: it decides who may read the problem.
    """

    __tablename__ = "common_problems"
    __table_args__ = (
        Index("ix_common_problems_search", "search", postgresql_using="gin"),
        Index("ix_common_problems_organization_ids", "organization_ids", postgresql_using="gin"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "organization_count", "id"),
    )

    state: Mapped[ProblemState] = mapped_column(default=ProblemState.PROPOSED)
    state_reason: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(String(300))
    statement: Mapped[str] = mapped_column(default="")
    written: Mapped[list[str]] = mapped_column(
        ARRAY(String),
        default=list,
        server_default="{}",
        comment="title, statement: what somebody has written, so no job does",
    )
    likeness: Mapped[Likeness]
    terms: Mapped[list[str]] = mapped_column(ARRAY(String), comment="what its demands share")
    organization_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    organization_count: Mapped[int]
    demand_count: Mapped[int]
    region_codes: Mapped[list[str | None]] = mapped_column(
        ARRAY(String(6)), comment="null: of a demand without a region"
    )
    technology_fields: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    disciplines: Mapped[list[str]] = mapped_column(ARRAY(String(7)))
    extends_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("common_problems.id"), index=True, comment="a confirmed one with like demands"
    )
    confirmed_at: Mapped[datetime | None]
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)

    members: Mapped[list["ProblemMember"]] = relationship(
        lazy="raise",
        order_by="ProblemMember.demand_id",
        back_populates="problem",
        cascade="all, delete-orphan",
    )


class ProblemMember(Record):
    """A demand in a problem, and why: how like the others it is, the most to which, by what."""

    __tablename__ = "problem_members"
    __table_args__ = (UniqueConstraint("problem_id", "demand_id"), Index(None, "demand_id"))

    problem_id: Mapped[UUID] = mapped_column(ForeignKey("common_problems.id"))
    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    origin: Mapped[Origin]
    is_excluded: Mapped[bool] = mapped_column(
        default=False, comment="taken out by hand, and not proposed here again"
    )
    similarity: Mapped[float | None] = mapped_column(comment="mean to the others; null: by hand")
    nearest_demand_id: Mapped[UUID | None] = mapped_column(comment="the most like it")
    terms: Mapped[list[str]] = mapped_column(ARRAY(String), comment="shared with the nearest")

    problem: Mapped[CommonProblem] = relationship(lazy="raise", back_populates="members")
