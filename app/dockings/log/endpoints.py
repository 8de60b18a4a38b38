"""HTTP for the log of a docking."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.clock import MomentDep
from app.database import SessionDep
from app.dockings.log import operations
from app.dockings.log.schemas import LogEntryBody, LogEntryCreate, LogQuery
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.organizations.actors import CurrentActor

router = DomainRouter("dockings")


@router.post("/dockings/{docking_id:uuid}/log", status_code=status.HTTP_201_CREATED)
async def write_docking_log(
    session: SessionDep,
    actor: CurrentActor,
    moment: MomentDep,
    docking_id: UUID,
    data: LogEntryCreate,
) -> LogEntryBody:
    """登记工作记录 · A contact, visit or minutes; nobody changes it, another one corrects it."""
    return await operations.write(session, actor, docking_id, data, moment=moment)


@router.get("/dockings/{docking_id:uuid}/log")
async def list_docking_log(
    pages: PagesDep, actor: CurrentActor, docking_id: UUID, query: Annotated[LogQuery, Query()]
) -> Page[LogEntryBody]:
    """工作记录 · Contacts, visits and minutes, latest day first."""
    return await operations.search(pages, actor, docking_id, query)
