"""The live indexes of this process, which follow the database.

Every match first reads the changes since the last look (one short query), so that whatever is
committed is found, in every process, without a listener and without a rebuild; new statistics
are told by a change as well. A background loop does the same between matches, so that a match
seldom has much to catch up with.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.changes import operations as change_log
from app.changes import repository as changes
from app.changes.repository import ChangeRow, EpochEnded, Position
from app.matches.calendar import today
from app.matches.index import fitting, pools, snapshots
from app.matches.index.snapshots import Origin
from app.matches.models import Pool
from matching import IndexModel, MatchIndex

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
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _index: MatchIndex | None = field(default=None, init=False)
    _position: Position = field(default_factory=Position, init=False)
    _version_id: UUID | None = field(default=None, init=False)
    _year: int = field(default=0, init=False)
    _rebuilt_at: int = field(default=0, init=False)  # the last change that asked for it

    async def refresh(self, reader: AsyncSession | None = None) -> MatchIndex | None:
        """The index with all that is committed now; None while the pool is empty.

        reader: a request's session, which is asked first: mostly there is no news, and no other
            connection is needed. Its own uncommitted changes never reach the index.
        What is returned never changes under its reader.
        """
        if reader is not None and self._year == today().year:
            with suppress(EpochEnded):
                news, _ = await self._read_changes(reader)
                if not news:
                    return self._index
        async with self._lock, self.sessions.begin() as session:
            if self._year != today().year:
                await self._load(session)
            try:
                await self._follow(session)
            except EpochEnded:
                logger.warning("the database was restored: the index is read anew")
                await self._load(session)
                await self._follow(session)
            return self._index

    @property
    def is_loaded(self) -> bool:
        """Whether it has been read at all; an empty pool's index is loaded, too."""
        return self._year != 0

    @property
    def fitted_at(self) -> float | None:
        """When its statistics were learned, in seconds since 1970: their id's own time."""
        return None if self._version_id is None else (self._version_id.int >> 80) / 1000

    @property
    def current(self) -> MatchIndex | None:
        """The index as of the last refresh."""
        return self._index

    async def save(self) -> None:
        """Bring the index up to date and write it down, with the position it stands at."""
        index = await self.refresh()
        if index is not None and self._version_id is not None:
            of = Origin(pool=self.pool, version_id=self._version_id, year=self._year)
            position = self._position
            await to_thread.run_sync(snapshots.save, self.folder, of, index, position)

    async def rebuild(self) -> None:
        """Have every process make its index anew from the records, and write this one down.

        What was removed is only marked as such in an index that lives on.
        """
        async with self.sessions.begin() as session:
            version_id = await fitting.newest_id(session, self.pool)
            if version_id is None:
                return
            await change_log.append(session, fitting.REBUILT, version_id)
        await self.save()

    async def _load(self, session: AsyncSession, *, takes_saved: bool = True) -> None:
        """Take the saved index of the version in force, or build it; fit a first one if need be.

        Capacities are counted by the year, so that an index of another year is no use.
        """
        year, position = today().year, await changes.position_now(session)
        version_id = await fitting.newest_id(session, self.pool)
        saved = None
        if version_id is not None and takes_saved:
            of = Origin(pool=self.pool, version_id=version_id, year=year)
            saved = await to_thread.run_sync(snapshots.load, self.folder, of)
        if saved is not None and self._is_of_this_life(saved[1], position):
            self._index, self._position = saved
        else:
            self._index, version_id = await self._built(session)
            self._position = position
        self._version_id, self._year = version_id, year

    @staticmethod
    def _is_of_this_life(saved: Position, present: Position) -> bool:
        """Whether what was saved lies in this database's past."""
        return saved.epoch == present.epoch and saved.oldest <= present.oldest

    async def _built(self, session: AsyncSession) -> tuple[MatchIndex | None, UUID | None]:
        """The pool under the statistics in force, and their id.

        The first ones need no encoder: whoever asks first does not wait for vectors.
        """
        stored = await fitting.newest_with_content(session, self.pool)
        if stored is None:
            await fitting.take_turn(session, self.pool)
            stored = await fitting.newest_with_content(session, self.pool)
        if stored is None:
            index = await fitting.fit(session, self.pool, None)
            return index, await fitting.newest_id(session, self.pool)
        model = await to_thread.run_sync(IndexModel.from_bytes, stored.content)
        candidates = await pools.load_all(session, self.pool)
        known = await fitting.known_vectors(session, model.encoder, candidates)
        return await to_thread.run_sync(MatchIndex.build, model, candidates, known), stored.id

    async def _follow(self, session: AsyncSession) -> None:
        has_more = True
        while has_more:
            rows, position = await self._read_changes(session)
            has_more = changes.may_be_more(rows)
            ids = pools.subjects(rows, self.pool)
            is_rebuilt = self._is_rebuilt(rows)
            if (
                is_rebuilt
                or await self._is_superseded(session, rows)
                or (ids and self._index is None)
            ):
                await self._load(session, takes_saved=not is_rebuilt)
                if self._index is not None:
                    has_more = True  # it stands where it was saved, or where its reading began
                    continue
            if ids and self._index is not None:
                self._index = await self._updated(session, self._index, ids)
            self._position = position

    async def _read_changes(self, session: AsyncSession) -> tuple[Sequence[ChangeRow], Position]:
        records = (pools.SUBJECT_OF_POOL[self.pool], fitting.RECORD)
        return await changes.read_since(session, self._position, records=records)

    def _is_rebuilt(self, rows: Sequence[ChangeRow]) -> bool:
        """Whether the changes ask for an index made anew, for the first time."""
        asked = max((row.id for row in rows if row.kind == fitting.REBUILT), default=0)
        is_news = asked > self._rebuilt_at
        self._rebuilt_at = max(asked, self._rebuilt_at)
        return is_news

    async def _is_superseded(self, session: AsyncSession, rows: Sequence[ChangeRow]) -> bool:
        """Whether the changes tell of statistics, and other ones than ours are in force."""
        if all(row.kind != fitting.FITTED for row in rows):
            return False
        return await fitting.newest_id(session, self.pool) != self._version_id

    async def _updated(
        self, session: AsyncSession, index: MatchIndex, ids: list[UUID]
    ) -> MatchIndex:
        """The index with these records as they are now, or without them."""
        found = await pools.load(session, self.pool, ids)
        gone = {str(i) for i in ids} - {candidate.candidate_id for candidate in found}
        known = await fitting.known_vectors(session, index.model.encoder, found)
        return await to_thread.run_sync(index.updated, found, gone, known)
