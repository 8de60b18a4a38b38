"""Index versions: when a pool needs new statistics, and how they are made and kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from anyio import to_thread
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.changes import repository as change_record
from app.changes.repository import ChangeRow, Position
from app.matches.index import pools, repository, vectors
from app.matches.index.leaving import Leaving
from app.matches.models import Pool, StoredModel
from matching import (
    LATENT,
    PRIOR_QUERIES,
    Candidate,
    Encoder,
    IndexModel,
    MatchIndex,
    Query,
    Steps,
    centring_queries,
    fit_model,
    text_key,
)

RECORD = "index_model"
FITTED = f"{RECORD}.fitted"
REBUILT = f"{RECORD}.rebuilt"
# What has grown by this much gets new statistics: a few versions on the way to any size.
GROWTH = 1.25
# The one in force, and the one before: a process that starts may be about to read it.
KEPT_VERSIONS = 2
# Below this share of encoded candidates the latent space serves all of them alike.
ENOUGH_ENCODED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSize:
    """Candidates of a pool, those of them whose every text has a vector, and published demands."""

    candidates: int
    encoded: int
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A version of the statistics, the pool under it, and the position it was read at."""

    version_id: UUID
    index: MatchIndex
    position: Position


def is_outgrown(stored: StoredModel | None, size: PoolSize, encoder: Encoder | None) -> bool:
    """Whether the pool has become another one than the statistics were learned on."""
    if size.candidates == 0:
        return False
    if stored is None or has_grown(size.candidates, stored.candidates):
        return True
    if has_grown(size.queries + PRIOR_QUERIES, stored.queries + PRIOR_QUERIES):
        return True
    if encoder is not None and has_grown(size.encoded, stored.encoded):
        return True
    return stored.encoder != space_of(size, encoder)


def has_grown(count: int, learned_on: int) -> bool:
    """Whether there are so many more now that statistics learned on fewer are outgrown."""
    return count > GROWTH * learned_on


def space_of(size: PoolSize, encoder: Encoder | None) -> str:
    """The dense space that this pool can have now."""
    has_space = encoder is not None and size.encoded >= ENOUGH_ENCODED * size.candidates
    return encoder.name if encoder is not None and has_space else LATENT


async def take_turn(session: AsyncSession, pool: Pool) -> None:
    """Wait until no other process fits the pool; the turn ends with the transaction."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('index_models'), hashtext(:pool))"),
        {"pool": pool.value},
    )


async def fit(
    session: AsyncSession,
    pool: Pool,
    encoder: Encoder | None,
    secret: bytes,
    *,
    leaving: Leaving,
) -> Fitted | None:
    """Learn new statistics and put them in force; None while the pool is empty.

    leaving: see `known_vectors`.
    secret: what is counted over demands is told in steps that only its holders know.
    Raises EncoderUnavailable when the pool is encoded and its queries cannot be.
    """
    await take_turn(session, pool)
    position = await change_record.position_now(session)
    candidates = await pools.load_all(session, pool)
    if not candidates:
        return None
    name = encoder.name if encoder else LATENT
    known = await known_vectors(session, name, pool, candidates, leaving)
    queries = await pools.queries(session)
    size = PoolSize(
        candidates=len(candidates),
        encoded=sum(is_encoded(c, known) for c in candidates),
        queries=len(queries),
    )
    model = await _fit_model(session, pool, candidates, queries, size, encoder, known, secret)
    stored = await _store(session, pool, model, size)
    index = await to_thread.run_sync(MatchIndex.build, model, candidates, known)
    return Fitted(version_id=stored.id, index=index, position=position)


async def _store(
    session: AsyncSession, pool: Pool, model: IndexModel, size: PoolSize
) -> StoredModel:
    stored = StoredModel(
        pool=pool,
        model_version=model.version,
        encoder=model.encoder,
        candidates=size.candidates,
        encoded=size.encoded,
        queries=size.queries,
        format=IndexModel.FORMAT,
        content=await to_thread.run_sync(model.to_bytes),
    )
    session.add(stored)
    await changes.append(session, FITTED, stored.id)
    await repository.forget_all_but(KEPT_VERSIONS, session, pool)
    return stored


async def _fit_model(
    session: AsyncSession,
    pool: Pool,
    candidates: list[Candidate],
    queries: list[Query],
    size: PoolSize,
    encoder: Encoder | None,
    known: dict[str, vectors.Vector],
    secret: bytes,
) -> IndexModel:
    # Experts look through the demands, and what is near to demands is no hub for them.
    fitted = partial(
        fit_model,
        candidates,
        queries=queries,
        secret=secret,
        steps=Steps(hubs=pool is not Pool.DEMANDS),
    )
    if encoder is None or space_of(size, encoder) == LATENT:
        return await to_thread.run_sync(fitted)
    # Nothing goes to an encoder that has not been there: it may ask for consent.
    told = [candidate for candidate in candidates if is_encoded(candidate, known)]
    centring = centring_queries(queries, told)
    texts = [text for query in centring for text in query.texts_to_encode]
    asked = await vectors.encode(session, encoder, texts, is_query=True)
    return await to_thread.run_sync(
        lambda: fitted(
            encoder_name=encoder.name, vectors=known, centring=centring, query_vectors=asked
        )
    )


async def known_vectors(
    session: AsyncSession, encoder: str, pool: Pool, candidates: list[Candidate], leaving: Leaving
) -> dict[str, vectors.Vector]:
    """What is stored of the texts that the encoder may have; the latent space stores nothing.

    A text of an expert without consent is known where another one gave it.
    """
    if encoder == LATENT:
        return {}
    told = await pools.encodable(session, pool, candidates, leaving)
    keys = {text_key(t) for c in told for t in MatchIndex.texts_to_encode(c)}
    return await vectors.find(session, encoder, keys, is_query=False)


def is_encoded(candidate: Candidate, known: dict[str, vectors.Vector]) -> bool:
    return all(text_key(text) in known for text in MatchIndex.texts_to_encode(candidate))


def rebuild_asked_for(rows: Sequence[ChangeRow], version_id: UUID | None) -> int:
    """The last transaction among the changes that asks to make this index anew, 0 if none does."""
    asked = (r for r in rows if r.kind == REBUILT and r.subject_id == version_id)
    return max((row.transaction_id for row in asked), default=0)
