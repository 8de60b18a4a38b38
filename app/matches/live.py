"""The live indexes of this process, which follow the database.

Every match first reads the changes since the last look (three short queries), so that whatever
is committed is found, in every process, without a listener and without a rebuild. A background
loop does the same between matches, so that a match seldom has much to catch up with.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.changes import repository as changes
from app.changes.repository import ChangeRow, Position
from app.database import now
from app.matches import fitting, pools, snapshots
from app.matches.models import Pool
from matching import Encoder, MatchIndex

logger = logging.getLogger(__name__)


@dataclass(eq=False, kw_only=True)
class LiveIndex:
    """One pool's index; `refresh` brings it up to date and returns it.

    `sessions` must have connections of its own: a refresh inside a request that waited for one
    of the request's pool could wait for ever.
    """

    pool: Pool
    sessions: async_sessionmaker[AsyncSession]
    folder: Path
    encoder: Encoder | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _index: MatchIndex | None = field(default=None, init=False)
    _position: Position = field(default_factory=Position, init=False)
    _year: int = field(default=0, init=False)

    async def refresh(self) -> MatchIndex | None:
        """The index with all that is committed now; None while the pool is empty.

        What is returned never changes under its reader.
        """
        async with self._lock, self.sessions.begin() as session:
            version = await fitting.newest_version(session, self.pool)
            if self._is_stale(version):
                await self._load(session, version)
            await self._follow(session)
            return self._index

    @property
    def current(self) -> MatchIndex | None:
        """The index as of the last refresh."""
        return self._index

    async def save(self) -> None:
        """Bring the index up to date and write it down, with the position it stands at."""
        index = await self.refresh()
        if index is not None:
            position = self._position
            await to_thread.run_sync(snapshots.save, self.folder, self.pool, index, position)

    def _is_stale(self, version: str | None) -> bool:
        """Another version is in force, or a year has passed, by which capacities are counted."""
        held = self._index.version if self._index is not None else None
        return version is None or held != version or self._year != now().year

    async def _load(self, session: AsyncSession, version: str | None) -> None:
        """Take the version's saved index, or build it; fit a first version if there is none."""
        is_new_year = self._year not in (0, now().year)
        self._year = now().year
        saved = None
        if version is not None and not is_new_year:
            saved = await to_thread.run_sync(snapshots.load, self.folder, self.pool, version)
        if saved is not None:
            self._index, self._position = saved
            return
        self._position = await changes.position_now(session)
        self._index = await self._built(session)

    async def _built(self, session: AsyncSession) -> MatchIndex | None:
        model = await fitting.content(session, self.pool)
        if model is None:
            await fitting.take_turn(session, self.pool)
            model = await fitting.content(session, self.pool)
        if model is None:
            return await fitting.fit(session, self.pool, self.encoder)
        candidates = await pools.load_all(session, self.pool)
        known = await fitting.known_vectors(session, self.encoder, candidates)
        return await to_thread.run_sync(MatchIndex.build, model, candidates, known)

    async def _follow(self, session: AsyncSession) -> None:
        while self._index is not None:
            rows, position = await changes.read_since(session, self._position)
            ids = _subjects(rows, self.pool)
            if ids:
                self._index = await self._updated(session, self._index, ids)
            self._position = position
            if len(rows) < changes.BATCH:
                return

    async def _updated(
        self, session: AsyncSession, index: MatchIndex, ids: list[UUID]
    ) -> MatchIndex:
        """The index with these records as they are now, or without them."""
        found = await pools.load(session, self.pool, ids)
        gone = {str(i) for i in ids} - {candidate.candidate_id for candidate in found}
        known = await fitting.known_vectors(session, self.encoder, found)
        return await to_thread.run_sync(index.updated, found, gone, known)


def _subjects(rows: Sequence[ChangeRow], pool: Pool) -> list[UUID]:
    """The ids of the pool's records among the changes."""
    kind = pools.SUBJECT_OF_POOL[pool]
    return sorted({row.subject_id for row in rows if row.kind.partition(".")[0] == kind})
