"""An inverted index whose postings hold final weights, so that a walk over them sums cosines.

Everything a weight depends on (idf, the row's norm) is frozen in the index model, hence postings
never change; a query term costs one binary search and one pass over its postings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats, Keys, positions
from matching.columns import Ragged
from matching.features import Rows
from matching.kernels import add_postings, group_entries


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Which candidate holds the term, ascending, and with which weight."""

    rows: NDArray[np.uint32]
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Term i is `keys[i]`, ascending; its entries are those of the i-th row of `entries`."""

    keys: Keys
    entries: Ragged[Entries]


def invert(rows: Rows) -> Postings:
    """Turn sparse rows into postings."""
    bounds, owners, places = group_entries(rows.positions, rows.offsets, len(rows.terms))
    return Postings(rows.terms, Ragged(bounds, Entries(owners, rows.values[places])))


def join(parts: list[tuple[Postings, NDArray[np.bool_]]]) -> Postings:
    """Concatenate postings; each mask says which candidates stay, and new rows count only those."""
    keys, owners, weights = [], [], []
    before = 0
    for postings, alive in parts:
        entries = postings.entries
        kept = alive[entries.values.rows]
        renumbered = (np.cumsum(alive) - 1 + before).astype(np.uint32)
        keys.append(np.repeat(postings.keys, np.diff(entries.offsets))[kept])
        owners.append(renumbered[entries.values.rows[kept]])
        weights.append(entries.values.weights[kept])
        before += int(alive.sum())
    return _collect(np.concatenate(keys), np.concatenate(owners), np.concatenate(weights))


def cosines(postings: Postings, keys: Keys, weights: Floats, rows: int) -> Floats:
    """Return the dot product of a sparse query (ascending `keys`) with each of `rows` rows."""
    scores = np.zeros(rows, dtype=np.float32)
    at = positions(postings.keys, keys)
    known = at >= 0
    offsets, entries = postings.entries.offsets, postings.entries.values
    starts, stops = offsets[at[known]], offsets[at[known] + 1]
    add_postings(scores, starts, stops, weights[known], entries.rows, entries.weights)
    return scores


def _collect(keys: Keys, owners: NDArray[np.uint32], weights: Floats) -> Postings:
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    firsts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    offsets = np.append(firsts, len(ordered)).astype(np.int64)
    return Postings(ordered[firsts], Ragged(offsets, Entries(owners[order], weights[order])))
