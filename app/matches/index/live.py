"""The live indexes of this process, which follow the database.

Every match first reads the changes since the last look (one short query), so that whatever is
committed is found, in every process, without a listener and without a rebuild; new statistics
are told by a change as well. A background loop does the same between matches, so that a match
seldom has much to catch up with.

What is large about an index is mapped from a file that all processes of the host share: only what
has changed since it was saved is each process's own.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as change_log
from app.changes import repository as changes
from app.changes.repository import ChangeRow, EpochEnded, Position
from app.matches.index import fitting, pools, repository, snapshots
from app.matches.index.fitting import Fitted
from app.matches.index.leaving import Leaving
from app.matches.index.snapshots import Origin, Stamp
from app.matches.index.source import IndexSource, Standing
from app.matches.models import Pool
from app.scopes import Sessions
from matching import Encoder, MatchIndex

logger = logging.getLogger(__name__)

# When a process writes a file itself, if no worker of its host does so every ten minutes.
LARGEST_SHARE = 0.1  # of the pool that each process holds for itself
OLDEST_SECONDS = 1_200
LEAST_SECONDS = 60.0  # between two attempts: the disk may be full


@dataclass(eq=False, kw_only=True)
class LiveIndex:
    """One pool's index; `refresh` brings it up to date and returns it.

    `sessions` must have connections of its own: a refresh inside a request that waited for one
    of the request's pool could wait for ever.
    """

    pool: Pool
    sessions: Sessions
    folder: Path
    secret: bytes  # see `fitting.fit`
    leaving: Leaving  # see `fitting.known_vectors`
    _source: IndexSource = field(init=False)
    # Taken before a turn at the file, never during one.
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _standing: Standing = field(default_factory=Standing, init=False)
    _refused: Stamp | None = field(default=None, init=False)
    _written_at: float = field(default=-LEAST_SECONDS, init=False)

    def __post_init__(self) -> None:
        self._source = IndexSource(
            pool=self.pool, folder=self.folder, secret=self.secret, leaving=self.leaving
        )

    async def refresh(self, reader: AsyncSession | None = None) -> MatchIndex | None:
        """The index with all that is committed now; None while the pool is empty.

        reader: a request's session, which is asked first: mostly there is no news, and no other
            connection is needed. Its own uncommitted changes never reach the index.
        What is returned never changes under its reader.
        """
        standing = self._standing
        if reader is not None and standing.is_loaded:
            with suppress(EpochEnded):
                news, _ = await self._read_changes(reader, standing.position)
                if not news:
                    return standing.index
        async with self._lock, self.sessions.begin() as session:
            standing = self._standing
            if not standing.is_loaded:
                standing = await self._source.loaded(session)
            self._standing = await self._followed(session, standing)
            return self._standing.index

    @property
    def is_loaded(self) -> bool:
        """Whether it has been read at all; an empty pool's index is loaded, too."""
        return self._standing.is_loaded

    @property
    def fitted_at(self) -> float | None:
        """When its statistics were learned, in seconds since 1970: their id's own time."""
        version_id = self._standing.version_id
        return None if version_id is None else (version_id.int >> 80) / 1000

    @property
    def current(self) -> MatchIndex | None:
        """The index as of the last refresh."""
        return self._standing.index

    async def fit(self, session: AsyncSession, encoder: Encoder | None) -> Fitted | None:
        """Put new statistics in force; their file is there before anybody hears of them."""
        fitted = await fitting.fit(session, self.pool, encoder, self.secret, leaving=self.leaving)
        if fitted is not None:
            await self._keep(fitted)
        return fitted

    async def _keep(self, fitted: Fitted) -> None:
        standing, origin = self._standing, self._source.origin(fitted)
        is_of_this_life = standing.position.epoch == fitted.position.epoch
        # No turn is taken: of a version that is not committed nobody else writes the file. And the
        # lock of `fitting.fit` is held, for which a process that has its turn may be waiting.
        await self._write(origin, fitted, standing.obeyed if is_of_this_life else 0)

    async def save(self) -> None:
        """Bring the index up to date, write it down if it has changed, and map what was written."""
        await self.refresh()
        await self._renew()
        standing = self._standing
        if standing.index is None or standing.origin is None:
            return
        if standing.changed or snapshots.stamp(self.folder, standing.origin) is None:
            async with snapshots.turn(self.folder, self.pool):
                await self._write(standing.origin, standing, standing.obeyed)
        await self._take_up(standing.origin)
        await to_thread.run_sync(snapshots.forget_older, self.folder, standing.origin)

    async def rebuild(self) -> None:
        """Have every process make its index anew from the records: its file first, then the word.

        What was removed is only marked as such in an index that lives on.
        """
        async with self.sessions.begin() as session:
            position = await changes.position_now(session)
            fitted = await self._source.under_statistics_in_force(session, position)
            if fitted is None:
                return
            await change_log.append(session, fitting.REBUILT, fitted.version_id)
            obeyed = await changes.own_transaction(session)
            async with snapshots.turn(self.folder, self.pool):
                await self._write(self._source.origin(fitted), fitted, obeyed)
        await self.save()

    async def share(self) -> None:
        """Hold little that other processes of the host hold as well, and nothing outdated.

        A newer file is mapped in place of what this process has gathered; without one, and when
        much has changed, one of the processes writes it. An outdated index is made anew here,
        where no match waits for it.
        """
        await self._renew()
        standing = self._standing
        if standing.index is None or standing.origin is None:
            return
        if self._is_due(standing, standing.index):
            async with snapshots.turn(self.folder, self.pool):
                if snapshots.stamp(self.folder, standing.origin) == standing.stamp:
                    await self._write(standing.origin, standing, standing.obeyed)
        await self._take_up(standing.origin)

    async def _renew(self) -> None:
        """Make an outdated index anew."""
        if self._standing.is_outdated:
            async with self.sessions.begin() as session:
                anew = await self._source.loaded(session, self._standing.asked)
                await self._replace(session, anew)

    def _is_due(self, standing: Standing, index: MatchIndex) -> bool:
        if not standing.changed or time.monotonic() - self._written_at < LEAST_SECONDS:
            return False
        is_old = standing.stamp and snapshots.age_seconds(standing.stamp) > OLDEST_SECONDS
        return bool(is_old) or standing.changed > LARGEST_SHARE * len(index)

    async def _write(self, origin: Origin, built: Fitted | Standing, obeyed: int) -> None:
        self._written_at = time.monotonic()
        await self._source.write(origin, built, obeyed)

    async def _take_up(self, origin: Origin) -> None:
        """Map the file that is there now, once it has caught up; a bad one is tried once."""
        found = snapshots.stamp(self.folder, origin)
        if found in (None, self._standing.stamp, self._refused):
            return
        async with self.sessions.begin() as session:
            standing = await self._source.saved(session, origin, self._standing.asked)
            if standing is None:
                self._refused = found
                return
            await self._replace(session, standing)

    async def _replace(self, session: AsyncSession, standing: Standing) -> None:
        """Take up another index, once it has caught up."""
        standing = await self._followed(session, standing)
        async with self._lock:
            self._standing = await self._followed(session, standing)

    async def _followed(self, session: AsyncSession, standing: Standing) -> Standing:
        """The standing with all that is committed now."""
        has_more = True
        while has_more:
            try:
                rows, position = await self._read_changes(session, standing.position)
            except EpochEnded:  # what it has obeyed has other numbers now
                logger.warning("the database was restored: the index is read anew")
                standing = await self._source.loaded(session)
                continue
            has_more = changes.may_be_more(rows)
            ids = await pools.concerned(session, rows, self.pool)
            if ids and standing.index is None:
                standing = await self._source.loaded(session, standing.asked)
                has_more = standing.index is not None
                continue
            standing = await self._told(session, standing, rows)
            renewed = None
            if rows and standing.is_outdated:
                renewed = await self._source.saved_in_force(session, standing.asked)
            if renewed is not None:
                standing, has_more = renewed, True
                continue
            if ids and standing.index is not None:
                index = await self._updated(session, standing.index, ids)
                changed = standing.changed + len(ids)
                standing = replace(standing, index=index, changed=changed)
            standing = replace(standing, position=position)
        return standing

    async def _told(
        self, session: AsyncSession, standing: Standing, rows: Sequence[ChangeRow]
    ) -> Standing:
        """What the changes say of the index itself: other statistics, a demand for a rebuild."""
        if any(row.kind == fitting.FITTED for row in rows):
            newest = await repository.newest_id(session, self.pool)
            standing = replace(standing, is_superseded=newest != standing.version_id)
        asked = fitting.rebuild_asked_for(rows, standing.version_id)
        return replace(standing, asked=max(asked, standing.asked))

    async def _read_changes(
        self, session: AsyncSession, position: Position
    ) -> tuple[Sequence[ChangeRow], Position]:
        records = (*pools.followed(self.pool), fitting.RECORD)
        return await changes.read_since(session, position, records=records)

    async def _updated(
        self, session: AsyncSession, index: MatchIndex, ids: Sequence[UUID]
    ) -> MatchIndex:
        """The index with these records as they are now, or without them."""
        found = await pools.load(session, self.pool, ids)
        gone = {str(i) for i in ids} - {candidate.candidate_id for candidate in found}
        known = await fitting.known_vectors(
            session, index.model.encoder, self.pool, found, self.leaving
        )
        return await to_thread.run_sync(index.updated, found, gone, known)
