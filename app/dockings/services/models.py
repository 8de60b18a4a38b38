"""Service records 服务记录: what an expert has done for an enterprise, confirmed by it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from app.dockings.models import Part


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


class ServiceRecord(Part):
    """Expert and enterprise are the docking's; satisfaction is what the enterprise says of it."""

    __tablename__ = "service_records"
    __table_args__ = (
        CheckConstraint("hours > 0", name="hours"),
        CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction"),
        Index(None, "docking_id", "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "served_on", "id"),
        Index(None, "created_at", "id"),
    )

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
