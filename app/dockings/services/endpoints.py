"""HTTP for service records."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.clock import MomentDep
from app.database import SessionDep
from app.dockings import operations as dockings
from app.dockings.services import operations
from app.dockings.services.models import ServiceRecord
from app.dockings.services.schemas import (
    Confirmation,
    ServiceRecordBody,
    ServiceRecordFields,
    ServiceRecordQuery,
)
from app.interface.pagination import Page, PagesDep
from app.interface.routing import conventional_router
from app.interface.schemas import Reason
from app.organizations.actors import CurrentActor, StaffActor

router = conventional_router("dockings")


@router.post("/dockings/{docking_id:uuid}/service-records", status_code=status.HTTP_201_CREATED)
async def record_service(
    session: SessionDep,
    actor: CurrentActor,
    moment: MomentDep,
    docking_id: UUID,
    data: ServiceRecordFields,
) -> ServiceRecordBody:
    """登记服务 · What the expert has done for the enterprise, by the expert or by staff."""
    return await operations.record(session, actor, docking_id, data, moment=moment)


@router.get("/service-records")
async def list_service_records(
    pages: PagesDep, actor: CurrentActor, query: Annotated[ServiceRecordQuery, Query()]
) -> Page[ServiceRecordBody]:
    """服务记录列表 · Of the dockings that one reads."""
    return await operations.search(pages, actor, query)


@router.get("/service-records/{record_id:uuid}")
async def read_service_record(
    session: SessionDep, actor: CurrentActor, record_id: UUID
) -> ServiceRecordBody:
    """服务记录详情 · Kind, day, hours, place, and what the enterprise says of it."""
    found = await dockings.get_part(session, actor, ServiceRecord, record_id)
    return operations.show(actor, found)


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
