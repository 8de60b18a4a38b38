"""Who waits for what others have locked."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Locks:
    """Sees how many transactions of this test's database wait for another one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(20):
            while await self._waiting() < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _waiting(self) -> int:
        async with self._engine.connect() as connection:  # each sees what is now
            return await connection.scalar(WAITING) or 0
