"""HTTP for service records."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.clock import MomentDep
from app.database import SessionDep
from app.dockings.services import operations
from app.dockings.services.schemas import (
    Confirmation,
    CorpsService,
    DockingService,
    ServiceRecordBody,
    ServiceRecordFields,
    ServiceRecordQuery,
)
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("dockings")


@router.post("/dockings/{docking_id:uuid}/service-records", status_code=status.HTTP_201_CREATED)
async def record_service(
    session: SessionDep,
    actor: CurrentActor,
    moment: MomentDep,
    docking_id: UUID,
    data: DockingService,
) -> ServiceRecordBody:
    """登记服务 · What the expert has done for the enterprise, by the expert or by staff."""
    return await operations.record(session, actor, docking_id, data, moment=moment)


@router.post("/corps/{corps_id:uuid}/service-records", status_code=status.HTTP_201_CREATED)
async def record_corps_service(
    session: SessionDep,
    actor: CurrentActor,
    moment: MomentDep,
    corps_id: UUID,
    data: CorpsService,
) -> ServiceRecordBody:
    """登记服务团服务 · What a corps has done for an enterprise without a docking."""
    return await operations.record_of_corps(session, actor, corps_id, data, moment=moment)


@router.get("/service-records")
async def list_service_records(
    pages: PagesDep, actor: CurrentActor, query: Annotated[ServiceRecordQuery, Query()]
) -> Page[ServiceRecordBody]:
    """服务记录列表 · Of the dockings that one reads, and of one's corps or enterprise."""
    return await operations.search(pages, actor, query)


@router.get("/service-records/{record_id:uuid}")
async def read_service_record(
    session: SessionDep, actor: CurrentActor, record_id: UUID
) -> ServiceRecordBody:
    """服务记录详情 · Kind, day, hours, place, and what the enterprise says of it."""
    return await operations.get(session, actor, record_id)


@router.post("/service-records/{record_id:uuid}:amend")
async def amend_service_record(
    session: SessionDep,
    actor: CurrentActor,
    moment: MomentDep,
    record_id: UUID,
    data: ServiceRecordFields,
) -> ServiceRecordBody:
    """更正服务记录 · Put right what is not confirmed; the enterprise is asked again."""
    return await operations.amend(session, actor, record_id, data, moment=moment)


@router.post("/service-records/{record_id:uuid}:confirm")
async def confirm_service_record(
    session: SessionDep,
    actor: CurrentActor,
    moment: MomentDep,
    record_id: UUID,
    data: Confirmation,
) -> ServiceRecordBody:
    """确认服务 · The enterprise says that it was so, and how satisfied it is."""
    return await operations.confirm(session, actor, record_id, data, moment=moment)


@router.post("/service-records/{record_id:uuid}:dispute")
async def dispute_service_record(
    session: SessionDep, actor: CurrentActor, record_id: UUID, data: Reason
) -> ServiceRecordBody:
    """不予认可 · The enterprise says that it was not so, with the reason."""
    return await operations.move(session, actor, record_id, "dispute", data.reason)


@router.post("/service-records/{record_id:uuid}:count")
async def count_service_record(
    session: SessionDep, actor: StaffActor, record_id: UUID
) -> ServiceRecordBody:
    """计入统计 · Staff count a confirmed service."""
    return await operations.move(session, actor, record_id, "count")
