"""Stored vectors: each text is encoded once, by a job or by the first match that needs it."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.models import StoredVector
from matching import Encoder, text_key

Vector = NDArray[np.float32]
KEYS_PER_QUERY = 5_000


async def find(
    session: AsyncSession, encoder: str, keys: Iterable[str], *, is_query: bool
) -> dict[str, Vector]:
    """What is stored of the keys, by key."""
    wanted = list(keys)
    found: dict[str, Vector] = {}
    for start in range(0, len(wanted), KEYS_PER_QUERY):
        rows = await session.execute(
            select(StoredVector.key, StoredVector.vector).where(
                StoredVector.encoder == encoder,
                StoredVector.is_query == is_query,
                StoredVector.key.in_(wanted[start : start + KEYS_PER_QUERY]),
            )
        )
        found |= {key: np.frombuffer(vector, dtype=np.float32) for key, vector in rows}
    return found


async def store(
    session: AsyncSession, encoder: str, vectors: Mapping[str, Vector], *, is_query: bool
) -> None:
    """Keep the vectors; one that another process stored first stays."""
    if not vectors:
        return
    rows = [
        {"encoder": encoder, "is_query": is_query, "key": key, "vector": vector.tobytes()}
        for key, vector in sorted(vectors.items())
    ]
    await session.execute(insert(StoredVector).on_conflict_do_nothing(), rows)


async def encode(
    session: AsyncSession, encoder: Encoder, texts: Sequence[str], *, is_query: bool
) -> dict[str, Vector]:
    """Every text's vector by `text_key`: the stored ones, and the rest made in a thread."""
    by_key = {text_key(text): text for text in texts}
    known = await find(session, encoder.name, by_key, is_query=is_query)
    missing = {key: text for key, text in by_key.items() if key not in known}
    if missing:
        make = encoder.encode_queries if is_query else encoder.encode_documents
        made = await to_thread.run_sync(make, list(missing.values()))
        fresh = dict(zip(missing, made, strict=True))
        await store(session, encoder.name, fresh, is_query=is_query)
        known |= fresh
    return known
