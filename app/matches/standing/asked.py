"""The published demands on a board, which a worker keeps between the jobs of standing matching."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index import pools, vectors
from app.queries import batches
from matching import IndexModel, Query, text_key
from matching.boards import Board
from matching.queries import QueryFeatures, read_query


@dataclass(eq=False, kw_only=True)
class AskedDemands:
    """Each demand as it was read, by the version of its record, under one index version."""

    index_version: str = ""
    read: dict[UUID, tuple[int, QueryFeatures]] = field(default_factory=dict)
    board: Board = field(default_factory=lambda: Board.of({}))

    async def brought_up(
        self, session: AsyncSession, model: IndexModel, versions: Mapping[UUID, int]
    ) -> Board:
        """The board of these demands, of which only what has changed is read again."""
        if self.index_version != model.version:
            self.index_version, self.read = model.version, {}
        gone = self.read.keys() - versions.keys()
        stale = [i for i, version in versions.items() if self._version_of(i) != version]
        for demand_id in gone:
            del self.read[demand_id]
        for batch in batches(stale):
            features = await _read(session, model, batch)
            self.read |= {i: (versions[i], found) for i, found in features.items()}
        if gone or stale:
            self.board = await to_thread.run_sync(
                Board.of, {str(i): found for i, (_, found) in self.read.items()}
            )
        return self.board

    def _version_of(self, demand_id: UUID) -> int | None:
        known = self.read.get(demand_id)
        return known[0] if known else None


async def _read(
    session: AsyncSession, model: IndexModel, ids: Sequence[UUID]
) -> dict[UUID, QueryFeatures]:
    """Those of the demands that can be compared: their vectors are there, or none are needed."""
    queries = await pools.queries_by_id(session, ids)
    session.expunge_all()
    known: dict[str, vectors.Vector] = {}
    if not model.is_latent:
        keys = {text_key(one) for query in queries.values() for one in query.texts_to_encode}
        known = await vectors.find(session, model.encoder, keys, is_query=True)
    return await to_thread.run_sync(_features, queries, model, known)


def _features(
    queries: Mapping[UUID, Query], model: IndexModel, known: Mapping[str, vectors.Vector]
) -> dict[UUID, QueryFeatures]:
    read = {i: read_query(query, model, known) for i, query in queries.items()}
    return {i: features for i, features in read.items() if features.vector is not None}
