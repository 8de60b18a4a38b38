"""HTTP for agreements."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.dockings import operations as dockings
from app.dockings.agreements import operations
from app.dockings.agreements.models import Agreement
from app.dockings.agreements.schemas import (
    AgreementBody,
    AgreementCreate,
    AgreementQuery,
    AgreementUpdate,
    Registering,
    Signing,
)
from app.dockings.deadlines import ClockDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.organizations.actors import CurrentActor

router = DomainRouter("dockings")


@router.post("/dockings/{docking_id:uuid}/agreements", status_code=status.HTTP_201_CREATED)
async def draft_agreement(
    session: SessionDep, actor: CurrentActor, docking_id: UUID, data: AgreementCreate
) -> AgreementBody:
    """登记协议 · A draft of what the two sides are about to sign."""
    return await operations.draft(session, actor, docking_id, data)


@router.get("/agreements")
async def list_agreements(
    pages: PagesDep, actor: CurrentActor, query: Annotated[AgreementQuery, Query()]
) -> Page[AgreementBody]:
    """协议列表 · Of the dockings that one reads."""
    return await operations.search(pages, actor, query)


@router.get("/agreements/{agreement_id:uuid}")
async def read_agreement(
    session: SessionDep, actor: CurrentActor, agreement_id: UUID
) -> AgreementBody:
    """协议详情 · Parties, amounts in 万元, days, state."""
    found = await dockings.get_part(session, actor, Agreement, agreement_id)
    return operations.show(actor, found)


@router.patch("/agreements/{agreement_id:uuid}")
async def update_agreement(
    session: SessionDep, actor: CurrentActor, agreement_id: UUID, data: AgreementUpdate
) -> AgreementBody:
    """修改协议 · Change what the body names, until it is signed."""
    return await operations.update(session, actor, agreement_id, data)


@router.post("/agreements/{agreement_id:uuid}:sign")
async def sign_agreement(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, agreement_id: UUID, data: Signing
) -> AgreementBody:
    """签署 · Parties and amount are there; a docking that waits for it is signed with it."""
    return await operations.sign(session, actor, agreement_id, data.signed_on, clock)


@router.post("/agreements/{agreement_id:uuid}:perform")
async def perform_agreement(
    session: SessionDep, actor: CurrentActor, agreement_id: UUID
) -> AgreementBody:
    """履行完毕 · What was agreed is done."""
    return await operations.move(session, actor, agreement_id, "perform")


@router.post("/agreements/{agreement_id:uuid}:register")
async def register_agreement(
    session: SessionDep, actor: CurrentActor, agreement_id: UUID, data: Registering
) -> AgreementBody:
    """认定登记 · The registry of technology contracts has given it a number."""
    return await operations.move(session, actor, agreement_id, "register", data.registration_number)


@router.post("/agreements/{agreement_id:uuid}:conclude")
async def conclude_agreement(
    session: SessionDep, actor: CurrentActor, agreement_id: UUID
) -> AgreementBody:
    """结清 · Nothing of it is open any more."""
    return await operations.move(session, actor, agreement_id, "conclude")
