"""HTTP for batches of invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.dockings.batches import operations
from app.dockings.batches.schemas import (
    InvitationBatchBody,
    InvitationBatchCreate,
    InvitationBatchQuery,
    Undoing,
)
from app.dockings.batches.visits import VisitSizeDep
from app.dockings.deadlines import ClockDep
from app.interface.language import LanguageDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.matches.limits import LimitsDep
from app.organizations.actors import StaffActor

router = DomainRouter("dockings")


@router.post("/invitation-batches", status_code=status.HTTP_201_CREATED)
async def invite_experts(
    session: SessionDep,
    actor: StaffActor,
    limits: LimitsDep,
    visit_size: VisitSizeDep,
    clock: ClockDep,
    language: LanguageDep,
    data: InvitationBatchCreate,
) -> InvitationBatchBody:
    """批量邀请 · Ask recommended experts of a demand at once; of each it tells why not."""
    return await operations.invite(session, actor, data, limits, visit_size, clock, language)


@router.get("/invitation-batches")
async def list_invitation_batches(
    pages: PagesDep,
    actor: StaffActor,
    language: LanguageDep,
    query: Annotated[InvitationBatchQuery, Query()],
) -> Page[InvitationBatchBody]:
    """批量邀请列表 · Of the demands that one carries or shares, latest first."""
    return await operations.search(pages, actor, query, language)


@router.get("/invitation-batches/{batch_id:uuid}")
async def read_invitation_batch(
    session: SessionDep, actor: StaffActor, language: LanguageDep, batch_id: UUID
) -> InvitationBatchBody:
    """批量邀请详情 · Who was invited together, and who was not, and why."""
    return operations.show(actor, await operations.get(session, actor, batch_id), language)


@router.post("/invitation-batches/{batch_id:uuid}:undo")
async def undo_invitation_batch(
    session: SessionDep,
    actor: StaffActor,
    clock: ClockDep,
    language: LanguageDep,
    batch_id: UUID,
    data: Undoing,
) -> InvitationBatchBody:
    """撤销批量邀请 · Take back what nobody has answered; of the others it tells why not."""
    return await operations.undo(session, actor, batch_id, data, clock, language)
