"""What somebody is told, as a stream of events, for as long as they listen."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.sse import ServerSentEvent

from app.accounts import repository as accounts
from app.database import AWAY
from app.notices import operations, repository
from app.organizations.actors import CurrentActor, actor_of
from app.progress.events import looks
from app.scopes import Sessions

AT_ONCE = 100
LOOK_SECONDS = 2.0

LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        lt=2**63,
        description="断线前最后收到的事件 · the last event heard: what came since comes first",
    ),
]


async def get_listener(actor: CurrentActor) -> UUID:
    """Whose notices are listened for; known before the stream begins."""
    assert actor.account_id is not None
    return actor.account_id


ListenerId = Annotated[UUID, Depends(get_listener)]


async def watch(
    request: Request, account_id: UUID, last_event_id: int | None, language: str
) -> AsyncIterator[ServerSentEvent]:
    """Each notice once, from the last one heard on; without one, what comes from now on.

    A look is a short transaction of the listener's own, so that a stream holds no connection, says
    what its reader may see at that moment, and ends when the account is shut.
    """
    sessions: Sessions = request.app.state.sessions
    is_first, number = True, 0
    async for _ in looks(request, LOOK_SECONDS):
        try:
            async with sessions() as session:
                account = await accounts.open_scope_of(session, account_id)
                if account is None or not account.is_active:
                    return
                if is_first:
                    # After a restore numbers begin again below what was heard.
                    latest = await repository.latest_number(session, account_id)
                    number = latest if last_event_id is None else min(last_event_id, latest)
                found = await repository.after(session, account_id, number, AT_ONCE)
                actor = actor_of(session, account)
                shown = await operations.show_all(session, actor, found, language)
        except AWAY:
            return
        if is_first:  # whoever has to come again before the first notice knows from where on
            yield ServerSentEvent(id=str(number), comment="listening")
        is_first = False
        for notice, body in zip(found, shown, strict=True):
            number = notice.number
            yield ServerSentEvent(event="notice", id=str(number), data=body)
