"""Service records 服务记录: what was done for an enterprise, confirmed by it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.corps.models import Corps
from app.database import Record
from app.dockings.models import Docking, Side


class ServiceKind(StrEnum):
    """诊断 / 培训 / 咨询 / 查新 / 标准 / 鉴定 / 检测 / 其他."""

    DIAGNOSIS = "diagnosis"
    TRAINING = "training"
    CONSULTING = "consulting"
    NOVELTY_SEARCH = "novelty_search"
    STANDARDS = "standards"
    APPRAISAL = "appraisal"
    TESTING = "testing"
    OTHER = "other"


class ServiceRecordState(StrEnum):
    """已登记 / 企业已确认 / 企业未认可 / 已计入."""

    RECORDED = "recorded"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    COUNTED = "counted"


OF = """CASE WHEN docking_id IS NULL THEN corps_id IS NOT NULL AND organization_id IS NOT NULL
    ELSE organization_id IS NULL AND expert_id IS NULL END"""


class ServiceRecord(Record):
    """In a docking, whose expert and enterprise are the service's, or of a corps without one.

    One in a docking counts for a corps, too, where it names one. Satisfaction is what the
    enterprise says of it.
    """

    __tablename__ = "service_records"
    __table_args__ = (
        CheckConstraint(OF, name="of"),
        CheckConstraint("hours > 0", name="hours"),
        CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction"),
        Index(None, "docking_id", "created_at", "id"),
        Index(None, "corps_id", "created_at", "id"),
        Index(None, "organization_id"),
        Index(None, "expert_id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "served_on", "id"),
        Index(None, "created_at", "id"),
    )

    docking_id: Mapped[UUID | None] = mapped_column(ForeignKey("dockings.id"))
    corps_id: Mapped[UUID | None] = mapped_column(ForeignKey("corps.id"))
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id"), comment="whom a corps has served without a docking"
    )
    expert_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("experts.id"), comment="who of the corps; null: several, or it was erased"
    )
    side: Mapped[Side] = mapped_column(comment="of whom it comes")
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[ServiceKind]
    served_on: Mapped[date]
    hours: Mapped[Decimal] = mapped_column(Numeric(5, 1))
    place: Mapped[str] = mapped_column(String(300), default="")
    summary: Mapped[str] = mapped_column(default="")
    state: Mapped[ServiceRecordState] = mapped_column(default=ServiceRecordState.RECORDED)
    state_reason: Mapped[str] = mapped_column(default="")
    satisfaction: Mapped[int | None] = mapped_column(comment="1 to 5")
    confirmed_at: Mapped[datetime | None]
    is_noted_by_staff: Mapped[bool] = mapped_column(default=False)

    docking: Mapped[Docking | None] = relationship(lazy="raise")
    corps: Mapped[Corps | None] = relationship(lazy="raise")
