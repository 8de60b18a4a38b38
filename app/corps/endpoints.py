"""HTTP for corps."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.clock import MomentDep
from app.corps import operations
from app.corps.schemas import CorpsBody, CorpsCreate, CorpsQuery, CorpsUpdate, Evaluation
from app.database import SessionDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.matches.limits import LimitsDep
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("corps")


@router.post("/corps", status_code=status.HTTP_201_CREATED)
async def form_corps(session: SessionDep, actor: StaffActor, data: CorpsCreate) -> CorpsBody:
    """组建科技服务团 · Name experts of the pool who stand ready for some regions."""
    return operations.show(actor, await operations.form(session, actor, data))


@router.get("/corps")
async def list_corps(
    pages: PagesDep, actor: CurrentActor, query: Annotated[CorpsQuery, Query()]
) -> Page[CorpsBody]:
    """科技服务团列表 · One's own; for enterprises the dispatched ones that serve their region."""
    return await operations.search(pages, actor, query)


@router.get("/corps/{corps_id:uuid}")
async def read_corps(session: SessionDep, actor: CurrentActor, corps_id: UUID) -> CorpsBody:
    """科技服务团详情 · Its members, leader first, and what its services come to."""
    return operations.show(actor, await operations.get(session, actor, corps_id))


@router.patch("/corps/{corps_id:uuid}")
async def update_corps(
    session: SessionDep,
    actor: StaffActor,
    limits: LimitsDep,
    moment: MomentDep,
    corps_id: UUID,
    data: CorpsUpdate,
) -> CorpsBody:
    """调整科技服务团 · Change what the body names until it is evaluated; members as a whole."""
    return operations.show(
        actor, await operations.update(session, actor, corps_id, data, limits, moment)
    )


@router.post("/corps/{corps_id:uuid}:dispatch")
async def dispatch_corps(
    session: SessionDep, actor: StaffActor, limits: LimitsDep, moment: MomentDep, corps_id: UUID
) -> CorpsBody:
    """派出科技服务团 · The enterprises served see it now; 409 tells who cannot serve, and why."""
    return operations.show(
        actor, await operations.dispatch(session, actor, corps_id, limits, moment)
    )


@router.post("/corps/{corps_id:uuid}:evaluate")
async def evaluate_corps(
    session: SessionDep, actor: StaffActor, moment: MomentDep, corps_id: UUID, data: Evaluation
) -> CorpsBody:
    """评价科技服务团 · A grade and the reasons; it serves no more."""
    return operations.show(actor, await operations.evaluate(session, actor, corps_id, data, moment))
