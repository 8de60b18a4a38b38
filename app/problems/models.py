"""Common technical problems 共性技术难题: like demands of several enterprises, solved as one."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record
from app.experts.models import Expert

MOST_MEMBERS = 100  # that a person gives a problem, with those taken out of it, which are kept


class ProblemState(StrEnum):
    """建议, 确认, 不立项, 失效; 已联署, 已合并, 已发布, 联合攻关, 已验收, 终止."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    LAPSED = "lapsed"
    CO_SIGNED = "co_signed"
    MERGED = "merged"
    PUBLISHED = "published"
    JOINT_WORK = "joint_work"
    ACCEPTED = "accepted"
    ENDED = "ended"


# Signed for by enterprises: no job and no withdrawal changes whose it is, or ends it.
UNDERTAKEN = frozenset(
    {
        *(ProblemState.CO_SIGNED, ProblemState.MERGED, ProblemState.PUBLISHED),
        *(ProblemState.JOINT_WORK, ProblemState.ACCEPTED, ProblemState.ENDED),
    }
)
# Told to the enterprises that it is of, and to evaluators.
TOLD = UNDERTAKEN | {ProblemState.CONFIRMED}
# What it is about is open to everybody signed in.
OPEN = frozenset({ProblemState.PUBLISHED, ProblemState.JOINT_WORK, ProblemState.ACCEPTED})


class Answer(StrEnum):
    """联署 / 不参加."""

    SIGNED = "signed"
    DECLINED = "declined"


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
    co_signer_ids: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid()),
        default=list,
        server_default="{}",
        comment="the enterprises that have signed; once it is undertaken, whose it is",
    )
    lead_organization_id: Mapped[UUID | None] = mapped_column(comment="one of the co-signers")
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)

    members: Mapped[list["ProblemMember"]] = relationship(
        lazy="raise",
        order_by="ProblemMember.demand_id",
        back_populates="problem",
        cascade="all, delete-orphan",
    )
    signatures: Mapped[list["ProblemSignature"]] = relationship(
        lazy="raise", order_by="ProblemSignature.id", cascade="all, delete-orphan"
    )
    experts: Mapped[list["ProblemExpert"]] = relationship(
        lazy="raise",
        order_by="(ProblemExpert.is_chief.desc(), ProblemExpert.id)",
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


class ProblemSignature(Record):
    """What one enterprise says to a confirmed problem: the share of the cost it takes, or no."""

    __tablename__ = "problem_signatures"
    __table_args__ = (
        UniqueConstraint("problem_id", "organization_id"),
        CheckConstraint("share > 0 AND share <= 100", name="share"),
        CheckConstraint("(answer = 'signed') = (share IS NOT NULL)", name="signed_for_a_share"),
        Index(None, "organization_id"),
    )

    problem_id: Mapped[UUID] = mapped_column(ForeignKey("common_problems.id"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    answer: Mapped[Answer]
    share: Mapped[Decimal | None] = mapped_column(Numeric(5, 2), comment="percent of the cost")
    note: Mapped[str] = mapped_column(default="")
    is_noted_by_staff: Mapped[bool] = mapped_column(default=False)


class ProblemExpert(Record):
    """An expert of the joint team 协同攻关团队, which one of them leads."""

    __tablename__ = "problem_experts"
    __table_args__ = (UniqueConstraint("problem_id", "expert_id"), Index(None, "expert_id"))

    problem_id: Mapped[UUID] = mapped_column(ForeignKey("common_problems.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    is_chief: Mapped[bool] = mapped_column(default=False)

    expert: Mapped[Expert] = relationship(lazy="raise")
