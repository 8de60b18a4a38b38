"""Refusals go into the audit log behind their requests, and none is told that may be lost.

A request that was refused has rolled back, so one task of the process writes its entry, together
with those that wait beside it. The answer waits for that, but not for long: where the database is
slow or away, the entry follows when it can. Where too many wait, callers hear nothing of what they
asked but that the service is unavailable. An entry that the database refuses for good, which would
be a fault of ours, is told of in the process's log and counted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from app.background import running
from app.database import AWAY, AWAY_SECONDS
from app.interface.auditing import INSERT, WAITED, Trace
from app.interface.errors import Unavailable
from app.metrics.instruments import instruments
from app.scopes import Sessions
from app.scrubbing import safe

logger = logging.getLogger(__name__)

MOST = 1_000  # that wait in a process
AT_ONCE = 100  # in one transaction
ANSWER_SECONDS = 2.0  # that an answer waits for its entry
LAST_SECONDS = 2.0  # in which a process that ends writes what is left


class _Row(NamedTuple):
    columns: Mapping[str, Any]
    since: float


@dataclass(eq=False, slots=True)
class _Refusal:
    rows: list[_Row]
    is_written: asyncio.Event = field(default_factory=asyncio.Event)


class RefusalLog:
    """The way of one process into the audit log: a queue, and the task that writes from it."""

    def __init__(self) -> None:
        self._forget_all()

    def _forget_all(self) -> None:
        self._queue: asyncio.Queue[_Refusal] = asyncio.Queue()
        self._count = 0  # in the queue, or being written
        self._is_keeping_up = False

    @asynccontextmanager
    async def writing(self, sessions: Sessions) -> AsyncIterator[None]:
        """Write them as long as the block lasts, and what is left at its end."""
        self._forget_all()
        self._is_keeping_up = True
        async with running(self._write(sessions)):
            try:
                yield
            finally:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.drain(), LAST_SECONDS)
                if self._count:
                    logger.error("%s refusals are not in the audit log", self._count)

    async def record(self, trace: Trace) -> None:
        """Have the refusal of a request recorded. Raises Unavailable where too many wait."""
        if self._count >= MOST:
            logger.error("too many refusals wait for the audit log (request %s)", trace.request_id)
            raise Unavailable()
        now = monotonic()
        refusal = _Refusal([_Row(columns, now) for columns in trace.rows()])
        self._count += 1
        self._queue.put_nowait(refusal)
        if self._is_keeping_up:
            with suppress(TimeoutError):
                await asyncio.wait_for(refusal.is_written.wait(), ANSWER_SECONDS)

    async def drain(self) -> None:
        """Wait until all of them are in the log."""
        await self._queue.join()

    async def _write(self, sessions: Sessions) -> None:
        while True:
            refusals = [await self._queue.get()]
            while len(refusals) < AT_ONCE and not self._queue.empty():
                refusals.append(self._queue.get_nowait())
            await self._insert(sessions, [row for refusal in refusals for row in refusal.rows])
            self._is_keeping_up = True
            self._count -= len(refusals)
            for refusal in refusals:
                refusal.is_written.set()
                self._queue.task_done()

    async def _insert(self, sessions: Sessions, rows: Sequence[_Row]) -> None:
        """Have them in the log as soon as the database answers, but for what it never takes."""
        while (error := await _failure(sessions, rows)) is not None:
            if _is_for_good(error):
                await self._insert_apart(sessions, rows, error)
                return
            logger.warning("%s entries wait for the audit log: %s", len(rows), safe(error))
            self._is_keeping_up = False
            await asyncio.sleep(AWAY_SECONDS)

    async def _insert_apart(
        self, sessions: Sessions, rows: Sequence[_Row], error: Exception
    ) -> None:
        """Halve them until the row stands alone that keeps back the others; that one is lost."""
        if len(rows) == 1:
            logger.error(
                "entry %s is lost to the audit log: %s", rows[0].columns["id"], safe(error)
            )
            instruments().audit_entries_lost.labels(type(error).__name__).inc()
            return
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            await self._insert(sessions, half)


async def _failure(sessions: Sessions, rows: Sequence[_Row]) -> Exception | None:
    """Why they are not in the log; None when they are."""
    now = monotonic()
    try:
        async with sessions.begin() as session:
            await session.execute(INSERT, [{**r.columns, WAITED: now - r.since} for r in rows])
    except Exception as error:  # whatever it is, the task goes on
        if isinstance(getattr(error, "orig", None), UniqueViolation):
            return None  # by a commit of which nobody heard: all of them or none
        return error
    return None


def _is_for_good(error: Exception) -> bool:
    """Whether it is for what the entries say, and not for the state of the database.

    While that is restored or migrated it may answer with any other error.
    """
    if isinstance(error, ProgrammingError):  # the driver's own: it cannot write such a value
        return getattr(error.orig, "sqlstate", None) is None
    return isinstance(error, (DataError, IntegrityError)) or not isinstance(error, AWAY)
