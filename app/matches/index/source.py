"""Where an index comes from: its file on this host, or the records under statistics in force."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import repository as changes
from app.changes.repository import Position
from app.matches.index import fitting, pools, repository, snapshots
from app.matches.index.fitting import Fitted
from app.matches.index.leaving import Leaving
from app.matches.index.snapshots import Origin, Snapshot, Stamp
from app.matches.models import Pool
from matching import IndexModel, MatchIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An index, what it is of, and how far it has followed; nothing while the pool is empty.

    is_loaded: whether the pool has been read at all.
    asked: the last transaction that asked for a rebuild; `obeyed`: the last that got it.
    is_superseded: other statistics than its own are in force.
    changed: how many candidates it does not share with other processes.
    """

    is_loaded: bool = False
    position: Position = field(default_factory=Position)
    asked: int = 0
    obeyed: int = 0
    is_superseded: bool = False
    index: MatchIndex | None = None
    origin: Origin | None = None
    stamp: Stamp | None = None
    changed: int = 0

    @property
    def version_id(self) -> UUID | None:
        return self.origin.version_id if self.origin else None

    @property
    def is_outdated(self) -> bool:
        """Whether it is to be made anew; it knows all that is committed, even so."""
        return self.is_superseded or self.asked > self.obeyed


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSource:
    """One pool's file on this host, shared by its processes, and the records behind it."""

    pool: Pool
    folder: Path
    secret: bytes
    leaving: Leaving

    async def loaded(self, session: AsyncSession, obeying: int = 0) -> Standing:
        """The saved index of the version in force, or one built by one process for all.

        obeying: the rebuild that a saved one must have had.
        """
        if saved := await self.saved_in_force(session, obeying):
            return saved
        async with snapshots.turn(self.folder, self.pool):
            if saved := await self.saved_in_force(session, obeying):
                return saved
            return await self._built(session, obeying)

    async def saved_in_force(self, session: AsyncSession, obeying: int) -> Standing | None:
        """The saved index of the version in force, if there is one that will do."""
        version_id = await repository.newest_id(session, self.pool)
        if version_id is None:
            return None
        epoch = (await changes.present(session)).epoch
        origin = Origin(epoch=epoch, pool=self.pool, version_id=version_id)
        return await self.saved(session, origin, obeying)

    async def saved(self, session: AsyncSession, origin: Origin, obeying: int) -> Standing | None:
        """The saved index, if it stands in this database's past."""
        now = await changes.present(session)
        if origin.epoch != now.epoch:
            return None
        found = await to_thread.run_sync(snapshots.load, self.folder, origin)
        if found is None or found.position.oldest > now.oldest or found.obeyed < obeying:
            return None
        return Standing(
            is_loaded=True,
            position=found.position,
            asked=found.obeyed,
            obeyed=found.obeyed,
            index=found.index,
            origin=origin,
            stamp=found.stamp,
        )

    async def _built(self, session: AsyncSession, obeyed: int) -> Standing:
        """The pool under the statistics in force, written down for the others of this host.

        The first ones need no encoder: whoever asks first does not wait for vectors.

        obeyed: the rebuild that this one is.
        """
        position = await changes.position_now(session)
        fitted = await self.under_statistics_in_force(session, position)
        if fitted is None:
            fitted = await fitting.fit(session, self.pool, None, self.secret, leaving=self.leaving)
        if fitted is None:
            return Standing(is_loaded=True, position=position, asked=obeyed, obeyed=obeyed)
        origin = self.origin(fitted)
        await self.write(origin, fitted, obeyed)
        return await self.saved(session, origin, obeyed) or Standing(
            is_loaded=True,
            position=fitted.position,
            asked=obeyed,
            obeyed=obeyed,
            index=fitted.index,
            origin=origin,
        )

    async def under_statistics_in_force(
        self, session: AsyncSession, position: Position
    ) -> Fitted | None:
        """The records as they are now; None before the first fit."""
        stored = await repository.newest_with_content(session, self.pool)
        if stored is None:
            await fitting.take_turn(session, self.pool)
            stored = await repository.newest_with_content(session, self.pool)
        if stored is None:
            return None
        model = await to_thread.run_sync(IndexModel.from_bytes, stored.content)
        candidates = await pools.load_all(session, self.pool)
        known = await fitting.known_vectors(
            session, model.encoder, self.pool, candidates, self.leaving
        )
        index = await to_thread.run_sync(MatchIndex.build, model, candidates, known)
        return Fitted(version_id=stored.id, index=index, position=position)

    def origin(self, fitted: Fitted) -> Origin:
        """What an index made now of this version is of."""
        return Origin(epoch=fitted.position.epoch, pool=self.pool, version_id=fitted.version_id)

    async def write(self, origin: Origin, built: Fitted | Standing, obeyed: int) -> None:
        """Write an index down, where that is possible."""
        if built.index is not None:
            snapshot = Snapshot(index=built.index, position=built.position, obeyed=obeyed)
            await to_thread.run_sync(snapshots.save, self.folder, origin, snapshot)
