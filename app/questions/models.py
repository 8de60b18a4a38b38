"""Government questions 政府战略需求/决策咨询: a department asks, and experts give opinions."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record
from app.experts.models import Expert


class QuestionState(StrEnum):
    """提出, 受理, 研究完成, 已报送, 已采纳; 不予采纳或受理."""

    RAISED = "raised"
    ACCEPTED = "accepted"
    STUDIED = "studied"
    REPORTED = "reported"
    ADOPTED = "adopted"
    DECLINED = "declined"


class Question(Record):
    """What a government body wants to know, by when, and what came of it."""

    __tablename__ = "questions"
    __table_args__ = (
        CheckConstraint("(state = 'adopted') = (adopted_on IS NOT NULL)", name="adopted_on"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "due_on", "id"),
        Index(None, "commissioning_organization_id"),
    )

    region_code: Mapped[str] = mapped_column(ForeignKey("regions.code"))
    topic: Mapped[str] = mapped_column(String(300))
    text: Mapped[str]
    commissioning_organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id")
    )
    commissioning_body: Mapped[str] = mapped_column(
        String(300), comment="委托单位 by its name, also where it is no organization here"
    )
    deliverable: Mapped[str] = mapped_column(default="", comment="成果形式")
    due_on: Mapped[date]
    state: Mapped[QuestionState] = mapped_column(default=QuestionState.RAISED)
    state_reason: Mapped[str] = mapped_column(default="")
    report: Mapped[str] = mapped_column(default="", comment="咨询报告")
    adoption: Mapped[str] = mapped_column(default="", comment="采纳情况")
    adopted_on: Mapped[date | None]

    consultations: Mapped[list["Consultation"]] = relationship(
        lazy="raise", order_by="Consultation.id", back_populates="question"
    )


class Consultation(Record):
    """An expert who is asked for their opinion, and what they say; written once."""

    __tablename__ = "consultations"
    __table_args__ = (
        UniqueConstraint("question_id", "expert_id"),
        CheckConstraint("opinion = '' OR submitted_at IS NOT NULL", name="submitted"),
        Index(None, "expert_id"),
        Index(None, "question_id", "created_at", "id"),
    )

    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    opinion: Mapped[str] = mapped_column(default="")
    submitted_at: Mapped[datetime | None]

    question: Mapped[Question] = relationship(lazy="raise", back_populates="consultations")
    expert: Mapped[Expert] = relationship(lazy="raise")
