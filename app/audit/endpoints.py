"""HTTP for the audit log, its seals, and who read whose contact data."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi.responses import StreamingResponse

from app.audit import exporting, operations
from app.audit.schemas import (
    AuditEntryBody,
    AuditEntryWithChanges,
    AuditExport,
    AuditQuery,
    ReadingBody,
    ReadingQuery,
    SealBody,
    SealQuery,
)
from app.database import SessionDep
from app.interface.admission import limited
from app.interface.auditing import sensitive
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.organizations.actors import AdministratorActor, CurrentActor
from app.scopes import SessionsDep
from app.settings import SettingsDep

router = DomainRouter("audit")

ReadingQueryDep = Annotated[ReadingQuery, Query()]
LINES = {"type": "string"}


@router.get("/audit-entries")
@sensitive()
async def list_audit_entries(
    pages: PagesDep,
    actor: AdministratorActor,
    settings: SettingsDep,
    query: Annotated[AuditQuery, Query()],
) -> Page[AuditEntryBody]:
    """审计记录 · Every write, every sensitive reading, every refusal; latest first."""
    return await operations.search(pages, settings, query)


@router.get(
    "/audit-log",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/jsonl": {"schema": LINES}, "text/csv": {"schema": LINES}}}
    },
)
@sensitive()
@limited(RateClass.EXPENSIVE)
async def export_audit_entries(
    session: SessionDep,
    sessions: SessionsDep,
    actor: AdministratorActor,
    settings: SettingsDep,
    query: Annotated[AuditExport, Query()],
) -> StreamingResponse:
    """导出审计记录 · The whole log as JSON Lines or CSV, oldest first."""
    return await exporting.export(session, sessions, settings, query)


@router.get("/audit-entries/{entry_id:uuid}")
@sensitive()
async def read_audit_entry(
    session: SessionDep, actor: AdministratorActor, entry_id: UUID
) -> AuditEntryWithChanges:
    """审计详情 · One entry, and what changed in its transaction."""
    return await operations.get(session, entry_id)


@router.get("/audit-seals")
@sensitive()
async def list_audit_seals(
    pages: PagesDep, actor: AdministratorActor, query: Annotated[SealQuery, Query()]
) -> Page[SealBody]:
    """审计封存 · The hash chain over the audit log, each seal checked against its entries."""
    return await operations.list_seals(pages, query)


@router.get("/experts/{expert_id:uuid}/contact-readings")
@sensitive()
async def list_expert_contact_readings(
    pages: PagesDep, actor: CurrentActor, expert_id: UUID, query: ReadingQueryDep
) -> Page[ReadingBody]:
    """联系方式查阅记录 · Who read the expert's contact, and when."""
    return await operations.readings_of_expert(pages, actor, expert_id, query)


@router.get("/demands/{demand_id:uuid}/contact-readings")
@sensitive()
async def list_demand_contact_readings(
    pages: PagesDep, actor: CurrentActor, demand_id: UUID, query: ReadingQueryDep
) -> Page[ReadingBody]:
    """需求查阅记录 · Who read the demand in full, contact included, and when."""
    return await operations.readings_of_demand(pages, actor, demand_id, query)


@router.get("/dockings/{docking_id:uuid}/readings")
@sensitive()
async def list_docking_readings(
    pages: PagesDep, actor: CurrentActor, docking_id: UUID, query: ReadingQueryDep
) -> Page[ReadingBody]:
    """对接查阅记录 · Who read the demand in full or both sides' contacts, and when."""
    return await operations.readings_of_docking(pages, actor, docking_id, query)


@router.get("/organizations/{organization_id:uuid}/contact-readings")
@sensitive()
async def list_organization_contact_readings(
    pages: PagesDep, actor: CurrentActor, organization_id: UUID, query: ReadingQueryDep
) -> Page[ReadingBody]:
    """机构查阅记录 · Who read the organization's contact, and when."""
    return await operations.readings_of_organization(pages, actor, organization_id, query)
