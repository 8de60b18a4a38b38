"""One short question to the database, on a connection of its own, that never waits for long.

A pool may be used up by the very trouble that is asked about. And a server that hangs does not
let go: psycopg waits for the answer even when it is cancelled. So the question is a task that is
left behind when its time is up, and no second one is begun while it hangs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL

Answer = TypeVar("Answer")
CONNECT_SECONDS = 2


class Probe(Generic[Answer]):
    """Asks `question` at most once at a time, and not again within `fresh_seconds`."""

    def __init__(
        self,
        url: URL,
        question: Callable[[AsyncConnection], Awaitable[Answer]],
        *,
        seconds: float = 2.0,
        fresh_seconds: float = 0.5,
    ) -> None:
        self._conninfo = conninfo(url)
        self._question = question
        self._seconds = seconds
        self._fresh_seconds = fresh_seconds
        self._asking: asyncio.Task[Answer] | None = None
        self._asked_at = 0.0

    async def answer(self) -> Answer:
        """What the database says; AWAY (see app.database) when it does not."""
        asking = self._current()
        done, _ = await asyncio.wait({asking}, timeout=self._seconds)
        if not done:
            asking.cancel()
            raise TimeoutError("the database does not answer")
        if asking.cancelled():
            raise TimeoutError("the database did not answer")
        return asking.result()

    def _current(self) -> asyncio.Task[Answer]:
        now = asyncio.get_running_loop().time()
        is_over = self._asking is not None and self._asking.done()
        if self._asking is None or (is_over and now - self._asked_at > self._fresh_seconds):
            self._asking, self._asked_at = asyncio.create_task(self._ask()), now
            self._asking.add_done_callback(_retrieve)
        return self._asking

    async def _ask(self) -> Answer:
        connection = await AsyncConnection.connect(
            self._conninfo, autocommit=True, connect_timeout=CONNECT_SECONDS
        )
        try:
            return await self._question(connection)
        finally:
            await connection.close()


def conninfo(url: URL) -> str:
    """The address for libpq, which would not read `+` as the space that SQLAlchemy means by it."""
    parts = url.translate_connect_args(username="user", database="dbname")
    query = {n: v if isinstance(v, str) else ",".join(v) for n, v in url.query.items()}
    return make_conninfo("", **(parts | query))


def _retrieve(task: asyncio.Task[Answer]) -> None:
    """Nobody may be waiting any more, and that is no fault to be logged."""
    if not task.cancelled():
        task.exception()
