"""The dense vectors of candidates: a topic each, and one for every passage.

With an encoder, a topic is the centroid of the statement and the mean of the other documents, half
each; in latent space it is the projection of the candidate's whole TF-IDF row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matching.arrays import Floats
from matching.columns import concatenate, indices, offsets_of
from matching.embeddings import Vectors, centred, unit
from matching.features import Rows
from matching.model import IndexModel, VectorsByKey, known_vectors
from matching.passages import Reading

BLOCK = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Vectors of some candidates, and who of them lacks some."""

    topics: Vectors
    passages: Vectors
    is_pending: NDArray[np.bool_]


def embed(
    model: IndexModel, readings: Sequence[Reading], rows: Rows, vectors: VectorsByKey
) -> Space:
    """Return the centred vectors of candidates; `rows` are their TF-IDF rows."""
    blocks = []
    for start in range(0, max(1, len(readings)), BLOCK):
        block = readings[start : start + BLOCK]
        if model.is_latent:
            blocks.append(_latent(model, block, rows.between(start, start + len(block))))
        else:
            blocks.append(_encoded(model, block, vectors))
    return Space(
        concatenate([(block.topics, [(0, len(block.topics.scales))]) for block in blocks]),
        concatenate([(block.passages, [(0, len(block.passages.scales))]) for block in blocks]),
        np.concatenate([block.is_pending for block in blocks]),
    )


def _latent(model: IndexModel, readings: Sequence[Reading], rows: Rows) -> Space:
    passages, _ = model.weigh([text.lower() for text in _passages(readings)])
    return Space(
        topics=Vectors.quantise(centred(model.project(rows), model.statement_mean)),
        passages=Vectors.quantise(centred(model.project(passages), model.passage_mean)),
        is_pending=np.zeros(len(readings), dtype=np.bool_),
    )


def _encoded(model: IndexModel, readings: Sequence[Reading], vectors: VectorsByKey) -> Space:
    stated = known_vectors([r.statement for r in readings], vectors, model.dimensions)
    found = known_vectors(_passages(readings), vectors, model.dimensions)
    statements = centred(stated, model.statement_mean)
    passages = centred(found, model.passage_mean)
    known = np.any(passages, axis=1)
    bounds = offsets_of([sum(map(len, reading.passages)) for reading in readings])
    missing = np.array([bool(r.statement) for r in readings]) & ~np.any(statements, axis=1)
    missing |= np.diff(np.concatenate([[0], np.cumsum(~known)])[bounds]) > 0
    own = np.array([len(reading.passages[0]) if reading.passages else 0 for reading in readings])
    topics = unit(statements + _means(passages, known, bounds[:-1] + own, bounds[1:]))
    return Space(Vectors.quantise(topics), Vectors.quantise(passages), missing)


def _means(
    vectors: Floats,
    known: NDArray[np.bool_],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
) -> Floats:
    """Return the mean of the known vectors of each range, zeros where a range has none."""
    columns = indices(starts, stops)
    offsets = offsets_of((stops - starts).tolist())
    entries = (known[columns].astype(np.float32), columns, offsets)
    chooser = csr_array(entries, shape=(len(starts), len(vectors)))
    counts = np.maximum(1, chooser.sum(axis=1))
    return np.asarray((chooser @ vectors) / counts[:, None], dtype=np.float32)


def _passages(readings: Sequence[Reading]) -> list[str]:
    return [text for reading in readings for text in chain.from_iterable(reading.passages)]
