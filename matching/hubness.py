"""Hubs: candidates who come near whatever is asked, and take the first places from those it is for.

A candidate's hubness is the mean of its scores for the queries that it suits best, a fifth of a
sample. The matcher subtracts a share of it, after the cross-domain similarity local scaling of
Conneau et al. (2018) and what Radovanović et al. (2010) found of hubs in high-dimensional spaces.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matching.arrays import Floats, positions
from matching.embeddings import Vectors
from matching.features import Rows
from matching.model import IndexModel, Probes, VectorsByKey
from matching.queries import read_query
from matching.spaces import Space
from matching.types import Query
from matching.weights import DEFAULT_WEIGHTS

MOST_PROBES = 128
FEWEST_PROBES = 30  # of fewer a fifth is a handful, and says more of them than of the candidate
NEAREST = 5
BLOCK = 2_048


def probes_of(
    queries: Sequence[Query], model: IndexModel, vectors: VectorsByKey | None
) -> Probes | None:
    """Place up to 128 of the queries in the spaces of `model`; None when there are too few.

    `vectors` holds the vectors of the queries' texts; queries that lack theirs are no probes.
    """
    sample = queries[:: 1 + (len(queries) - 1) // MOST_PROBES] if queries else []
    asked = [read_query(query, model, vectors) for query in sample]
    vectored = [(a, a.vector, a.focus) for a in asked if a.vector is not None]
    if len(vectored) < FEWEST_PROBES:
        return None
    terms = np.unique(np.concatenate([features.keys for features, _, _ in vectored]))
    weights = np.zeros((len(terms), len(vectored)), dtype=np.float32)
    for number, (features, _, _) in enumerate(vectored):
        weights[np.searchsorted(terms, features.keys), number] = features.weights
    return Probes(
        terms=terms,
        weights=weights,
        vectors=Vectors.quantise(np.stack([vector for _, vector, _ in vectored])),
        focuses=Vectors.quantise(np.stack([v if f is None else f for _, v, f in vectored])),
    )


def hubness(model: IndexModel, rows: Rows, space: Space, bounds: NDArray[np.int64]) -> Floats:
    """Return the (n,) hubness of candidates, 0 of all where the model has no probes.

    `rows` are their TF-IDF rows, `bounds` (n + 1) say whose the passages of `space` are. The
    scores are those of the default weights without hubness; a missing vector scores 0.
    """
    size = len(bounds) - 1
    if model.probes is None:
        return np.zeros(size, dtype=np.float32)
    columns = positions(model.probes.terms, rows.terms)[rows.positions]
    found = np.zeros(size, dtype=np.float32)
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        own = slice(rows.offsets[start], rows.offsets[stop])
        scores = _scores(
            model.probes,
            _lexical(model.probes, columns[own], rows.values[own], rows.offsets[start : stop + 1]),
            space.topics.between(start, stop),
            space.passages.between(int(bounds[start]), int(bounds[stop])),
            bounds[start : stop + 1] - bounds[start],
        )
        nearest = -(-scores.shape[1] // NEAREST)
        best = np.partition(scores, scores.shape[1] - nearest, axis=1)[:, -nearest:]
        found[start:stop] = best.mean(axis=1)
    return found


def _scores(
    probes: Probes, lexical: Floats, topics: Vectors, passages: Vectors, bounds: NDArray[np.int64]
) -> Floats:
    """The fused scores of a block of candidates for every probe, (n, probes)."""
    by_passage = _cosines(passages, probes.focuses)
    best = np.zeros_like(lexical)
    owning = np.flatnonzero(np.diff(bounds))
    if len(owning):
        best[owning] = np.maximum.reduceat(by_passage, bounds[owning])
    parts = {"lexical": lexical, "topic": _cosines(topics, probes.vectors), "passage": best}
    return DEFAULT_WEIGHTS.fused(parts)


def _cosines(vectors: Vectors, asked: Vectors) -> Floats:
    """(n, asked). Sums of products of codes are whole numbers below 2²⁴, which float32 holds

    exactly up to 1,040 dimensions: processes agree to the last bit, however they add them up.
    """
    found = vectors.codes.astype(np.float32) @ asked.codes.astype(np.float32).T
    return np.asarray(found * vectors.scales[:, None] * asked.scales, dtype=np.float32)


def _lexical(
    probes: Probes, columns: NDArray[np.int64], values: Floats, offsets: NDArray[np.int64]
) -> Floats:
    known = columns >= 0
    kept = np.concatenate([[0], np.cumsum(known)])[offsets - offsets[0]]
    shape = (len(offsets) - 1, len(probes.terms))
    matrix = csr_array((values[known], columns[known], kept), shape=shape)
    return np.asarray(matrix @ probes.weights, dtype=np.float32)
