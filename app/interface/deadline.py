"""No caller waits for ever: a request that hangs is given up and answered 503.

A database that hangs (a frozen machine, a full disk under it) holds its queries without a word,
and psycopg waits for them even when cancelled. So the request runs as a task that can be left
behind: it ends by itself once the database answers again, and its transaction rolls back.
"""

import asyncio
import logging

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.interface.errors import Unavailable, render

logger = logging.getLogger(__name__)


class DeadlineMiddleware:
    """The time counts from the last piece of the body: a slow upload is nobody's fault here."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self._left_behind: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        counts_from, has_started, is_over = loop.time(), False, False

        async def noting_receive() -> Message:
            nonlocal counts_from
            message = await receive()
            counts_from = loop.time()
            return message

        async def noting_send(message: Message) -> None:
            nonlocal has_started
            if not is_over:
                has_started = True
                await send(message)

        work = asyncio.ensure_future(self.app(scope, noting_receive, noting_send))
        try:
            while not work.done():
                left = counts_from + self.seconds - loop.time()
                if left <= 0 and not has_started:
                    break
                await asyncio.wait({work}, timeout=left if left > 0 else None)
        except asyncio.CancelledError:
            work.cancel()
            raise
        if work.done():
            work.result()
            return
        is_over = True
        self._leave_behind(work)
        logger.warning("a request is given up after %s s", self.seconds)
        await render(Request(scope), Unavailable())(scope, receive, send)

    def _leave_behind(self, work: "asyncio.Future[None]") -> None:
        self._left_behind.add(work)
        work.add_done_callback(self._left_behind.discard)
        work.cancel()
