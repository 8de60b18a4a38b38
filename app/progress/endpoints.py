"""HTTP for operations."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.database import SessionDep
from app.interface.language import LanguageDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.organizations.actors import CurrentActor
from app.progress import events, operations
from app.progress.events import SeatDep, WatchedId
from app.progress.schemas import OperationBody, OperationQuery

router = DomainRouter("operations")


@router.get("/operations")
async def list_operations(
    pages: PagesDep,
    actor: CurrentActor,
    language: LanguageDep,
    query: Annotated[OperationQuery, Query()],
) -> Page[OperationBody]:
    """长时间任务列表 · One's own operations; administrators see all."""
    return await operations.search(pages, actor, query, language)


@router.get("/operations/{operation_id:uuid}")
async def read_operation(
    session: SessionDep, actor: CurrentActor, language: LanguageDep, operation_id: UUID
) -> OperationBody:
    """任务进度 · How far it is, where its result is, or why it failed."""
    return operations.show(await operations.get(session, actor, operation_id), language)


@router.post("/operations/{operation_id:uuid}:cancel")
async def cancel_operation(
    session: SessionDep, actor: CurrentActor, language: LanguageDep, operation_id: UUID
) -> OperationBody:
    """取消任务 · Waiting work never begins; running work stops at its next safe point."""
    return operations.show(await operations.cancel(session, actor, operation_id), language)


@router.get("/operations/{operation_id:uuid}/events", response_class=EventSourceResponse)
async def watch_operation(
    request: Request, watched: WatchedId, seat: SeatDep, language: LanguageDep
) -> AsyncIterator[ServerSentEvent]:
    """进度推送 · The operation as server-sent events, now and as it changes, until it has ended."""
    async for event in events.watch(request, watched, language):
        yield event
