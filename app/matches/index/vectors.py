"""Stored vectors: each text is encoded once, by a job or by the first match that needs it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from math import inf

import numpy as np
from anyio import CapacityLimiter, fail_after, to_thread
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index import repository
from app.matches.index.encoders import EncoderBusy, EncoderUnavailable, RemoteEncoder
from matching import Encoder, text_key

Vector = NDArray[np.float32]
TEXTS_A_CALL = 32  # a second or two for a local encoder
# An endpoint that hangs must not hold the threads in which matches are ranked. Who waits holds a
# connection, of which there are few: the others go without a vector at once.
ENCODING = CapacityLimiter(2)
MOST_WAITING = 4

logger = logging.getLogger(__name__)


async def find(
    session: AsyncSession, encoder: str, keys: Iterable[str], *, is_query: bool
) -> dict[str, Vector]:
    """What is stored of the keys, by key."""
    stored = await repository.find_vectors(session, encoder, list(keys), is_query=is_query)
    return {key: np.frombuffer(vector, dtype=np.float32) for key, vector in stored.items()}


async def encode(
    session: AsyncSession,
    encoder: Encoder,
    texts: Sequence[str],
    *,
    is_query: bool,
    keeps: bool = True,
    seconds: float = inf,
) -> dict[str, Vector]:
    """The texts' vectors by `text_key`: the stored ones, and the rest made in a thread.

    A text is missing of which the encoder made nothing usable; `keeps` stores what is new.
    seconds: how long the caller waits for the encoder, the waiting for others' turns included.
    Raises EncoderUnavailable.
    """
    by_key = {text_key(text): text for text in texts}
    known = await find(session, encoder.name, by_key, is_query=is_query)
    fresh: dict[str, Vector] = {}
    if isinstance(encoder, RemoteEncoder):  # to which both sides are one: nothing is sent twice
        missing = by_key.keys() - known.keys()
        fresh = await find(session, encoder.name, missing, is_query=not is_query)
    missing_texts = [text for key, text in by_key.items() if key not in known | fresh]
    if missing_texts:
        made = await _made(encoder, missing_texts, is_query=is_query, seconds=seconds)
        stored_length = await _stored_length(session, encoder.name)
        by_text = dict(zip(map(text_key, missing_texts), made, strict=True))
        fresh |= usable(by_text, stored_length or len(made[0]))
    if keeps:
        content = {key: vector.tobytes() for key, vector in fresh.items()}
        await repository.add_vectors(session, encoder.name, content, is_query=is_query)
    return known | fresh


async def _made(
    encoder: Encoder, texts: Sequence[str], *, is_query: bool, seconds: float
) -> list[Vector]:
    """The texts' vectors, made a few at a time: a thread cannot be stopped, only not be begun."""
    if ENCODING.statistics().tasks_waiting >= MOST_WAITING:
        raise EncoderBusy(f"{MOST_WAITING} others wait for the encoder")
    make = encoder.encode_queries if is_query else encoder.encode_documents
    try:
        with fail_after(seconds):
            parts = [
                await to_thread.run_sync(
                    make, texts[at : at + TEXTS_A_CALL], limiter=ENCODING, abandon_on_cancel=True
                )
                for at in range(0, len(texts), TEXTS_A_CALL)
            ]
    except TimeoutError:
        raise EncoderUnavailable(f"no vector within {seconds} s") from None
    return [vector for part in parts for vector in part]


def usable(made: Mapping[str, Vector], length: int) -> dict[str, Vector]:
    """The vectors that may enter the store: finite, not zero (which would mean unknown).

    Raises EncoderUnavailable when none is left, or when they have another length than `length`:
    the encoder has become another one under the same name.
    """
    lengths = {len(vector) for vector in made.values()}
    if lengths != {length}:
        raise EncoderUnavailable(f"vectors have lengths {lengths}, those before had {length}")
    good = {key: v for key, v in made.items() if np.isfinite(v).all() and v.any()}
    if not good:
        raise EncoderUnavailable(f"{len(made)} vectors, none of them finite and other than zero")
    if len(good) < len(made):
        logger.warning("the encoder made %d unusable vectors", len(made) - len(good))
    return good


async def _stored_length(session: AsyncSession, encoder: str) -> int | None:
    """How many numbers a stored vector of this encoder has."""
    found = await repository.vector_bytes(session, encoder)
    return None if found is None else found // np.dtype(np.float32).itemsize
