"""Special pools 紧缺人才库, 全球顶尖人才库, 海外高科技项目库: a saved query and curated members."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.achievements.models import Stage
from app.database import JsonObject, Record


class PoolKind(StrEnum):
    """紧缺人才库 / 全球顶尖人才库 / 海外高科技项目库."""

    SCARCE_TALENT = "scarce_talent"
    GLOBAL_TALENT = "global_talent"
    OVERSEAS_PROJECTS = "overseas_projects"


class PoolState(StrEnum):
    """草稿 / 已提交 / 使用中 / 已暂停 / 已移除."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_USE = "in_use"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class SpecialPool(Record):
    """Whom its query finds and who was added by hand, without who was excluded by hand.

    `query` is that of its latest version, which `query_number` names.
    """

    __tablename__ = "special_pools"
    __table_args__ = (Index(None, "created_at", "id"),)

    kind: Mapped[PoolKind]
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(default="")
    state: Mapped[PoolState] = mapped_column(default=PoolState.DRAFT)
    state_reason: Mapped[str] = mapped_column(default="")
    country: Mapped[str | None] = mapped_column(ForeignKey("countries.code"))
    technology_field: Mapped[str | None] = mapped_column(ForeignKey("technology_fields.code"))
    readiness: Mapped[Stage | None] = mapped_column(comment="of projects")
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    query: Mapped[JsonObject]
    query_number: Mapped[int] = mapped_column(default=1)


class SavedQuery(Record):
    """One version of a pool's query, by whom and why; it never changes."""

    __tablename__ = "pool_queries"
    __table_args__ = (UniqueConstraint("pool_id", "number"),)

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("special_pools.id"))
    number: Mapped[int]
    query: Mapped[JsonObject]
    reason: Mapped[str] = mapped_column(default="")
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))


class PoolMember(Record):
    """What somebody decided on one expert or achievement, whatever the query says of it."""

    __tablename__ = "pool_members"
    __table_args__ = (
        CheckConstraint("(expert_id IS NULL) <> (achievement_id IS NULL)", name="one_subject"),
        UniqueConstraint("pool_id", "expert_id"),
        UniqueConstraint("pool_id", "achievement_id"),
        Index(None, "expert_id"),
    )

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("special_pools.id"))
    expert_id: Mapped[UUID | None] = mapped_column(ForeignKey("experts.id"))
    achievement_id: Mapped[UUID | None] = mapped_column(ForeignKey("achievements.id"))
    is_excluded: Mapped[bool]
    reason: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))

    @property
    def subject_id(self) -> UUID | None:
        return self.expert_id or self.achievement_id
