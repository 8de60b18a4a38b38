"""Results open to transfer."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Record


class AchievementState(StrEnum):
    REGISTERED = "registered"
    REVIEWED = "reviewed"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Nature(StrEnum):
    """成果属性."""

    ORIGINAL = "original"
    INTRODUCED_INNOVATION = "introduced_innovation"
    IMPROVEMENT = "improvement"


class Level(StrEnum):
    """成果水平."""

    INTERNATIONAL_LEADING = "international_leading"
    INTERNATIONAL_ADVANCED = "international_advanced"
    DOMESTIC_LEADING = "domestic_leading"
    DOMESTIC_ADVANCED = "domestic_advanced"
    PROVINCIAL = "provincial"
    UNRATED = "unrated"


class Stage(StrEnum):
    """成果所处阶段."""

    LABORATORY = "laboratory"
    PILOT = "pilot"
    SMALL_BATCH = "small_batch"
    INDUSTRIALIZED = "industrialized"


class Form(StrEnum):
    """成果体现形式."""

    NEW_TECHNOLOGY = "new_technology"
    NEW_PROCESS = "new_process"
    NEW_PRODUCT = "new_product"
    NEW_MATERIAL = "new_material"
    NEW_VARIETY = "new_variety"
    NEW_EQUIPMENT = "new_equipment"
    SOFTWARE = "software"
    STANDARD = "standard"
    OTHER = "other"


class IntellectualProperty(StrEnum):
    INVENTION_PATENT = "invention_patent"
    UTILITY_MODEL = "utility_model"
    DESIGN = "design"
    SOFTWARE_COPYRIGHT = "software_copyright"
    PLANT_VARIETY = "plant_variety"
    TRADE_SECRET = "trade_secret"
    STANDARD = "standard"
    NONE = "none"


class TransferMode(StrEnum):
    TRANSFER = "transfer"
    LICENSE = "license"
    EQUITY = "equity"
    COOPERATION = "cooperation"
    SERVICE = "service"


class Achievement(Record):
    """A result of research; what nobody has said yet is null or empty until `:review` asks."""

    __tablename__ = "achievements"
    __table_args__ = (
        Index("ix_achievements_search", "search", postgresql_using="gin"),
        Index("ix_achievements_disciplines", "disciplines", postgresql_using="gin"),
        Index(None, "name"),
        Index(None, "region_code"),
        Index(None, "industry_code"),
        Index(None, "organization_id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
    )

    external_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(300))
    registration_number: Mapped[str] = mapped_column(default="", comment="登记号")
    state: Mapped[AchievementState] = mapped_column(default=AchievementState.REGISTERED)
    state_reason: Mapped[str] = mapped_column(default="")
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    organization_name: Mapped[str] = mapped_column(default="")
    people: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    nature: Mapped[Nature | None]
    level: Mapped[Level | None]
    stage: Mapped[Stage | None]
    form: Mapped[Form | None]
    keywords: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    summary: Mapped[str] = mapped_column(default="")
    technology_field: Mapped[str | None] = mapped_column(ForeignKey("technology_fields.code"))
    industry_code: Mapped[str | None] = mapped_column(ForeignKey("industries.code"))
    disciplines: Mapped[list[str]] = mapped_column(ARRAY(String(7)), default=list)
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    intellectual_property: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    transfer_modes: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    is_confidential: Mapped[bool] = mapped_column(default=False, comment="涉密: never published")
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)
