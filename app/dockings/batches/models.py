"""Batches of invitations 批量邀请: several experts asked at once, and how each went."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Record
from app.demands.models import Demand
from app.experts.models import Expert


class BatchItemState(StrEnum):
    """已邀请 / 未能邀请 / 已收回."""

    INVITED = "invited"
    NOT_INVITED = "not_invited"
    TAKEN_BACK = "taken_back"


class InvitationBatch(Record):
    """Who was invited together; the moment is that of every invitation in it."""

    __tablename__ = "invitation_batches"
    __table_args__ = (Index(None, "demand_id", "created_at", "id"), Index(None, "created_at", "id"))

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    invited_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(default="")
    is_academicians_visit: Mapped[bool] = mapped_column(default=False, server_default=false())
    undone_at: Mapped[datetime | None] = mapped_column(comment="when that was asked for first")

    demand: Mapped[Demand] = relationship(lazy="raise")
    items: Mapped[list["InvitationBatchItem"]] = relationship(
        lazy="raise", order_by="InvitationBatchItem.place"
    )


class InvitationBatchItem(Record):
    """What became of one of them. Without a docking of its own where none was begun."""

    __tablename__ = "invitation_batch_items"
    __table_args__ = (UniqueConstraint("batch_id", "place"), Index(None, "expert_id"))

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("invitation_batches.id"))
    place: Mapped[int]
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    docking_id: Mapped[UUID | None] = mapped_column(ForeignKey("dockings.id"))
    state: Mapped[BatchItemState]
    reasons: Mapped[list[dict[str, str]]] = mapped_column(
        JSONB, default=list, comment="code and texts: why not invited, or not taken back"
    )

    expert: Mapped[Expert | None] = relationship(lazy="raise", viewonly=True)
