"""Request and response bodies of batches of invitations."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.dockings.batches.models import BatchItemState
from app.dockings.schemas import Remark
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Flag, FormText, TriableBody
from app.matches.schemas import MatchedExpert


class InvitationBatchCreate(Body):
    """Recommended experts of one demand; a dry run tells what would be, and stores nothing."""

    demand_id: UUID
    match_ids: Annotated[list[UUID], Field(min_length=1, max_length=30)]
    note: Annotated[
        FormText,
        Field(description="of every invitation: both sides read it", examples=["首批邀请三位专家"]),
    ] = ""
    is_academicians_visit: Annotated[
        Flag,
        Field(
            description="院士专家行 · a visit by academicians, from VISIT_ACADEMICIANS_LEAST to"
            " VISIT_ACADEMICIANS_MOST of them"
        ),
    ] = False
    dry_run: Flag = False


class WhyNot(BaseModel):
    code: str = Field(examples=["resting"])
    detail: str = Field(examples=["该专家在休整期内 (2026-12-10)"])


class InvitationBatchItemBody(BaseModel):
    """One expert of the batch."""

    expert_id: UUID
    expert: MatchedExpert | None = Field(description="null for whom the caller may not read now")
    docking_id: UUID | None = Field(
        description="of an expert who was invited; of a dry run, where there was one before"
    )
    state: BatchItemState = Field(examples=[BatchItemState.NOT_INVITED])
    reasons: list[WhyNot] = Field(description="why not invited or, of an undone batch, not back")


class InvitationBatchBody(TriableBody):
    """批量邀请：同一条需求的几位专家."""

    demand_id: UUID
    account_id: UUID | None = Field(description="who invited them")
    invited_at: datetime
    note: str = Field(examples=["首批邀请三位专家"])
    is_academicians_visit: bool = Field(examples=[False])
    undone_at: datetime | None = Field(examples=[None])
    items: list[InvitationBatchItemBody] = Field(description="in the order of the request")
    allowed_actions: list[str] = Field(examples=[["undo"]])


class InvitationBatchQuery(PageQuery):
    demand_id: UUID | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class Undoing(Remark):
    """Why it is undone; both sides of every docking read it."""
