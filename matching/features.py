"""TF-IDF rows: sublinear term frequency, smooth idf, unit length.

The same numbers as scikit-learn's ``TfidfVectorizer(sublinear_tf=True)``, on keys instead of
strings, which makes building an index some twenty times faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats, Keys
from matching.kernels import count_runs
from matching.text import term_keys

PRIOR_QUERIES = 10
FEWEST_QUERIES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Sparse rows: row i owns the entries `offsets[i]:offsets[i + 1]`, ascending by term.

    `terms` are the distinct keys, ascending; an entry is a position in them and a value.
    """

    offsets: NDArray[np.int64]
    terms: Keys
    positions: NDArray[np.int64]
    values: Floats

    @property
    def keys(self) -> Keys:
        """Key of every entry."""
        return self.terms[self.positions]

    def between(self, start: int, stop: int) -> Rows:
        """Return the rows of a half-open range, under the same terms."""
        first, last = self.offsets[start], self.offsets[stop]
        return Rows(
            self.offsets[start : stop + 1] - first,
            self.terms,
            self.positions[first:last],
            self.values[first:last],
        )


def count_terms(texts: Sequence[str]) -> Rows:
    """Return how often each term occurs in each normalised text."""
    keys, bounds = term_keys(texts)
    counts = np.empty(len(keys), dtype=np.float32)
    offsets = count_runs(keys, bounds, counts)
    terms, positions = np.unique(keys[: offsets[-1]], return_inverse=True)
    return Rows(offsets, terms, positions, counts[: offsets[-1]])


def smooth_idf(document_frequencies: NDArray[np.int64], documents: int) -> Floats:
    """ln((1 + n) / (1 + df)) + 1, as scikit-learn has it."""
    return np.asarray(np.log((1 + documents) / (1 + document_frequencies)) + 1, dtype=np.float32)


def damping(
    document_frequencies: NDArray[np.int64], documents: int, offsets: NDArray[np.float64]
) -> Floats:
    """ln((m + 1) / (d + 1)) / ln((m + 1) / 2), at most 1: how telling a term of queries is.

    Smooth idf among queries (as `smooth_idf` among documents), divided by what a term of a single
    query has: a term of few queries keeps its weight, one of all of them (需求, 公司, 目标) loses
    most of it. m is the number of queries and `PRIOR_QUERIES` beside them without any term, so that
    few queries damp little. The form is ours; README, decision 57, has how it was measured.

    d is the document frequency df on a coarse scale of the term's own, as queries are not for
    everybody to read: the lower end of its step between powers of two, which `offsets` (from 0 to
    below 1) shift, times √2. Below `FEWEST_QUERIES` there is no damping at all. So a weight tells
    of no single query, and hardly whether one more holds a term.
    """
    steps = np.exp2(np.floor(np.log2(document_frequencies) + offsets) - offsets)
    size = documents + PRIOR_QUERIES + 1
    telling = np.log(size / (np.sqrt(2) * steps + 1)) / np.log(size / 2)
    return np.where(steps < FEWEST_QUERIES, 1, np.clip(telling, 0, 1)).astype(np.float32)


def weigh(counts: Rows, idf: Floats) -> tuple[Rows, Floats]:
    """Return unit rows of (1 + ln tf) × idf, and the norms they had; `idf` is given by term."""
    values = (1 + np.log(counts.values)) * idf[counts.positions]
    sizes = np.diff(counts.offsets)
    norms = _row_norms(values, counts.offsets)
    safe = np.where(norms > 0, norms, np.float32(1))
    unit = values / np.repeat(safe, sizes)
    return Rows(counts.offsets, counts.terms, counts.positions, unit), norms


def _row_norms(values: Floats, offsets: NDArray[np.int64]) -> Floats:
    filled = np.diff(offsets) > 0
    sums = np.zeros(len(filled))
    if filled.any():
        sums[filled] = np.add.reduceat(values.astype(np.float64) ** 2, offsets[:-1][filled])
    return np.sqrt(sums).astype(np.float32)
