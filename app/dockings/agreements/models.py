"""Agreements 协议/合同: what the two sides of a docking sign, and what comes of it."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Numeric, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.dockings.models import Part


class AgreementKind(StrEnum):
    """技术开发 / 技术转让 / 技术许可 / 技术咨询 / 技术服务."""

    DEVELOPMENT = "development"
    TRANSFER = "transfer"
    LICENSE = "license"
    CONSULTING = "consulting"
    SERVICE = "service"


class AgreementState(StrEnum):
    """起草 / 已签 / 已履行 / 已认定登记 / 已结."""

    DRAFTED = "drafted"
    SIGNED = "signed"
    PERFORMED = "performed"
    REGISTERED = "registered"
    CONCLUDED = "concluded"


class Agreement(Part):
    """Amounts are in 万元 of its currency; the technology amount is a part of the amount."""

    __tablename__ = "agreements"
    __table_args__ = (
        CheckConstraint("technology_amount <= amount", name="technology_amount"),
        CheckConstraint("ends_on >= starts_on", name="period"),
        Index(None, "docking_id", "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
    )

    kind: Mapped[AgreementKind]
    title: Mapped[str] = mapped_column(String(300))
    parties: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    amount: Mapped[Decimal | None] = mapped_column(Numeric(14, 4), comment="万元")
    technology_amount: Mapped[Decimal | None] = mapped_column(
        Numeric(14, 4), comment="万元, 技术交易额"
    )
    currency: Mapped[str] = mapped_column(String(3), default="CNY")
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    signed_on: Mapped[date | None]
    registration_number: Mapped[str] = mapped_column(default="", comment="技术合同认定登记编号")
    state: Mapped[AgreementState] = mapped_column(default=AgreementState.DRAFTED)
