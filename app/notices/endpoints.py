"""HTTP for notices."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.clock import MomentDep
from app.database import SessionDep
from app.interface.language import LanguageDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.notices import operations, streaming
from app.notices.schemas import NoticeBody, NoticeQuery, NoticesRead
from app.notices.streaming import LastEventId, ListenerId
from app.organizations.actors import CurrentActor
from app.progress.events import SeatDep

router = DomainRouter("notices")


@router.get("/notices")
async def list_notices(
    pages: PagesDep,
    actor: CurrentActor,
    language: LanguageDep,
    query: Annotated[NoticeQuery, Query()],
) -> Page[NoticeBody]:
    """通知列表 · What has happened to records that concern one, latest first."""
    return await operations.search(pages, actor, query, language)


@router.get("/notices/stream", response_class=EventSourceResponse)
async def watch_notices(
    request: Request,
    listener: ListenerId,
    seat: SeatDep,
    language: LanguageDep,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """通知推送 · One's notices as server-sent events, each as it comes; `Last-Event-ID` goes on."""
    async for event in streaming.watch(request, listener, last_event_id, language):
        yield event


@router.post("/notices/{notice_id:uuid}:read")
async def read_notice(
    session: SessionDep,
    actor: CurrentActor,
    language: LanguageDep,
    moment: MomentDep,
    notice_id: UUID,
) -> NoticeBody:
    """标为已读 · Note that one has read it."""
    return await operations.read(session, actor, notice_id, language, moment)


@router.post("/notices:read-all")
async def read_all_notices(
    session: SessionDep, actor: CurrentActor, moment: MomentDep
) -> NoticesRead:
    """全部标为已读 · Note that one has read all of them."""
    return await operations.read_all(session, actor, moment)
