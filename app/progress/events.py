"""An operation as a stream of events, for as long as somebody listens."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import anyio
from fastapi import Depends, Request
from fastapi.sse import ServerSentEvent

from app.database import AWAY, SessionDep
from app.interface.errors import TooManyRequests, Unavailable
from app.interface.language import Text
from app.organizations.actors import CurrentActor
from app.progress import operations, repository
from app.progress.models import LIVING
from app.scopes import Scope, Sessions, within

LOOK_SECONDS = 0.5
# A stream outlives its token: who listens for longer comes again, and shows a new one.
LONGEST_SECONDS = 900.0
SEATS_EACH = 40
TOO_MANY = Text("订阅过多，请稍后再试或定时查询", "Too many listeners; poll, or try again")


async def get_watched(session: SessionDep, actor: CurrentActor, operation_id: UUID) -> UUID:
    """The id of an operation that the actor may read; looked up before the stream begins."""
    return (await operations.get(session, actor, operation_id)).id


async def get_seat(request: Request) -> AsyncIterator[None]:
    """One of the process's places for listeners, until the answer has ended.

    An account has a share of them only, or one could keep all others out.
    """
    seats: anyio.CapacityLimiter = request.app.state.listeners
    taken: Counter[UUID] = request.app.state.listening
    account_id: UUID = request.state.principal
    if taken[account_id] >= SEATS_EACH:
        raise TooManyRequests(TOO_MANY)
    try:
        seats.acquire_on_behalf_of_nowait(request)
    except anyio.WouldBlock:
        raise Unavailable(TOO_MANY) from None
    taken[account_id] += 1
    try:
        yield
    finally:
        seats.release_on_behalf_of(request)
        taken[account_id] -= 1
        if not taken[account_id]:
            del taken[account_id]


WatchedId = Annotated[UUID, Depends(get_watched)]
SeatDep = Annotated[None, Depends(get_seat)]


async def looks(request: Request, every_seconds: float) -> AsyncIterator[None]:
    """The moments in which a stream looks for news, until it has lasted long enough.

    When this process is to end, the stream ends, and the listener comes again.
    """
    ends_at = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < ends_at and not request.app.state.condition.is_ending:
        yield
        await asyncio.sleep(every_seconds)


async def watch(
    request: Request, operation_id: UUID, language: str
) -> AsyncIterator[ServerSentEvent]:
    """The operation as it is, and again whenever it has changed, until it ends.

    Every look is a short transaction of its own: a stream holds no connection. Without the
    database the stream ends, and the listener comes again.
    """
    sessions: Sessions = within(request.app.state.sessions, Scope.PROGRESS)
    seen = 0
    async for _ in looks(request, LOOK_SECONDS):
        try:
            async with sessions() as session:
                operation = await repository.find(session, operation_id)
        except AWAY:
            return
        if operation is None:
            return
        if operation.version != seen:
            seen = operation.version
            shown = operations.show(operation, language)
            yield ServerSentEvent(event="operation", id=str(seen), data=shown)
        if operation.state not in LIVING:
            return
