"""Give every text of the pools its vector: what waits is counted first, then made in batches.

Each batch is committed by itself, so whoever is killed loses one, and whoever comes after goes on
where that was. A worker's job and `shuangku encode` may be at it at once: they take turns, and each
looks again at what its batch still lacks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as change_log
from app.changes import repository as changes
from app.changes.repository import EpochEnded, Position
from app.matches.index import pools, repository, vectors
from app.matches.index.ranking import Matcher
from app.matches.models import Pool
from app.metrics.instruments import instruments
from app.queries import batches
from app.scopes import Sessions
from matching import Encoder, MatchIndex, text_key

BATCH_TEXTS = 64  # some seconds' work

Texts = Mapping[str, str]  # by `text_key`


@dataclass(eq=False, kw_only=True)
class MatchingWork:
    """What a worker keeps between the jobs of matching."""

    sessions: Sessions
    matcher: Matcher
    # How far each pool has been encoded; absent until the first pass over all of it is through.
    positions: dict[Pool, Position] = field(default_factory=dict)
    # The pools all of whose texts had vectors when this worker last looked.
    settled: set[Pool] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """So many texts of all that waited when the pass began, after so many seconds of encoding."""

    done: int
    total: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.per_second if self.per_second else None


Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What records lack vectors of, by record: as documents, and demands also as queries."""

    documents: Mapping[UUID, Texts]
    queries: Mapping[UUID, Texts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The records of a pool that lack vectors, each with how many texts it adds to the others'."""

    position: Position
    records: Sequence[tuple[UUID, int]]

    @property
    def texts(self) -> int:
        return sum(count for _, count in self.records)

    def in_batches(self) -> Iterator[tuple[list[UUID], int]]:
        """Ids and their number of texts, a batch at a time."""
        ids: list[UUID] = []
        texts = 0
        for record_id, count in self.records:
            ids.append(record_id)
            texts += count
            if texts >= BATCH_TEXTS or len(ids) >= BATCH_TEXTS:
                yield ids, texts
                ids, texts = [], 0
        if ids:
            yield ids, texts


async def encode_all(work: MatchingWork, encoder: Encoder, tell: Tell) -> int:
    """Encode what waits; how many texts that were. Raises EncoderUnavailable.

    What changed since this worker last looked; everything, the first time.
    """
    waiting = {pool: await _look(work, encoder, pool) for pool in Pool}
    began_at, made, done = monotonic(), 0, 0
    total = sum(found.texts for found in waiting.values())
    for pool, found in waiting.items():
        if found.records:
            work.settled.discard(pool)
        for ids, texts in found.in_batches():
            instruments().texts_waiting.labels(encoder.name).set(total - done)
            made += await _encode_batch(work, encoder, pool, ids)
            done += texts
            tell(Progress(done=done, total=total, seconds=monotonic() - began_at))
        work.positions[pool] = found.position
        work.settled.add(pool)
    instruments().texts_waiting.labels(encoder.name).set(0)
    return made


async def take_turn(session: AsyncSession) -> None:
    """Wait until nobody else encodes or forgets; the turn ends with the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('encode_texts'))"))


async def _look(work: MatchingWork, encoder: Encoder, pool: Pool) -> Waiting:
    ids, position = await _news(work, pool)
    records: list[tuple[UUID, int]] = []
    met: set[tuple[str, str]] = set()
    for batch in batches(ids):
        async with work.sessions.begin() as session:
            lacking = await _lacking(work, session, encoder, pool, batch)
        for record_id in batch:
            wanted = {("document", key) for key in lacking.documents.get(record_id, {})}
            wanted |= {("query", key) for key in lacking.queries.get(record_id, {})}
            if wanted:
                records.append((record_id, len(wanted - met)))
                met |= wanted
    return Waiting(position=position, records=records)


async def _news(work: MatchingWork, pool: Pool) -> tuple[list[UUID], Position]:
    """The records to look at, and the position after them."""
    seen = work.positions.get(pool)
    ids: set[UUID] = set()
    async with work.sessions.begin() as session:
        if seen is None:
            position = await changes.position_now(session)
            return list(await repository.member_ids(session, pool)), position
        has_more = True
        try:
            while has_more:
                records = (pools.SUBJECT_OF_POOL[pool],)
                rows, seen = await changes.read_since(session, seen, records=records)
                ids.update(pools.subjects(rows, pool))
                has_more = changes.may_be_more(rows)
        except EpochEnded:
            del work.positions[pool]
            return await _news(work, pool)
    return sorted(ids), seen


async def _lacking(
    work: MatchingWork, session: AsyncSession, encoder: Encoder, pool: Pool, ids: Sequence[UUID]
) -> Lacking:
    ids = await work.matcher.leaving.encodable(session, pool, ids)
    documents = {
        UUID(candidate.candidate_id): MatchIndex.texts_to_encode(candidate)
        for candidate in await pools.load(session, pool, ids)
    }
    queries: dict[UUID, Sequence[str]] = {}
    if pool is Pool.DEMANDS:
        found = await pools.queries_by_id(session, ids)
        queries = {demand_id: query.texts_to_encode for demand_id, query in found.items()}
    return Lacking(
        documents=await _unknown(session, encoder, documents, is_query=False),
        queries=await _unknown(session, encoder, queries, is_query=True),
    )


async def _unknown(
    session: AsyncSession,
    encoder: Encoder,
    texts: Mapping[UUID, Sequence[str]],
    *,
    is_query: bool,
) -> dict[UUID, Texts]:
    """Those of the records that lack vectors, with the texts of which they do."""
    by_key = {owner: {text_key(one): one for one in its} for owner, its in texts.items()}
    keys = {key for its in by_key.values() for key in its}
    known = await vectors.find(session, encoder.name, keys, is_query=is_query)
    left = {
        owner: {key: one for key, one in its.items() if key not in known}
        for owner, its in by_key.items()
    }
    return {owner: its for owner, its in left.items() if its}


async def _encode_batch(
    work: MatchingWork, encoder: Encoder, pool: Pool, ids: Sequence[UUID]
) -> int:
    """Encode and commit one batch; how many texts that were."""
    async with work.sessions.begin() as session:
        await take_turn(session)
        lacking = await _lacking(work, session, encoder, pool, ids)
        made = 0
        for texts, is_query in ((lacking.documents, False), (lacking.queries, True)):
            distinct = {key: one for its in texts.values() for key, one in its.items()}
            await vectors.encode(session, encoder, list(distinct.values()), is_query=is_query)
            made += len(distinct)
        for record_id in lacking.documents:
            kind = f"{pools.SUBJECT_OF_POOL[pool]}.encoded"
            await change_log.append(session, kind, record_id)
    instruments().texts_encoded.labels(encoder.name).inc(made)
    return made
