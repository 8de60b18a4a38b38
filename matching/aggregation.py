"""Passages' scores → candidates' scores: the decayed sum of a candidate's best passages.

Σ (1 − ρ) ρ^i s_(i) over passages sorted best first. ρ = 0 is the best passage alone, which serves
demands that need one expertise; larger ρ rewards volume of relevant work (depth).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats, Rowset
from matching.columns import indices
from matching.index import MatchIndex
from matching.segments import Mask, Segment


@dataclass(frozen=True, slots=True, eq=False)
class PassageScores:
    """One entry a passage with a vector: its candidate's place among the chosen rows, its document

    (a row of the candidate's segment), its cosine and its part of the candidate's score.
    """

    owners: NDArray[np.int64]
    documents: NDArray[np.int64]
    cosines: Floats
    parts: NDArray[np.float64]


def score_passages(
    index: MatchIndex, rows: Rowset, vector: Floats | None, decay: float
) -> PassageScores:
    """Score the passages of the candidates at `rows`, which ascend."""
    owners = [np.zeros(0, dtype=np.int64)]
    documents = [np.zeros(0, dtype=np.int64)]
    found = [np.zeros(0, dtype=np.float32)]
    bounds = np.searchsorted(rows, index.starts)
    for number, segment in enumerate(index.segments):
        if vector is None:
            break
        first, last = int(bounds[number]), int(bounds[number + 1])
        local = rows[first:last] - index.starts[number]
        places, docs, scores = _segment_scores(segment, local, vector)
        owners.append(places + first)
        documents.append(docs)
        found.append(scores)
    every, cosines = np.concatenate(owners), np.concatenate(found)
    return PassageScores(
        every, np.concatenate(documents), cosines, decayed_parts(every, cosines, decay)
    )


def decayed_parts(owners: NDArray[np.int64], cosines: Floats, decay: float) -> NDArray[np.float64]:
    """Return each passage's part of its owner's sum; beyond the best, negative cosines add nothing.

    Owners ascend. After Balog et al. (2012), documents as evidence for candidates.
    """
    order = np.lexsort((-cosines, owners))
    grouped = owners[order]
    places = np.arange(len(order)) - np.searchsorted(grouped, grouped)
    ranked = cosines[order].astype(np.float64)
    ranked = np.where(places > 0, np.maximum(ranked, 0), ranked)
    parts = np.empty(len(order), dtype=np.float64)
    parts[order] = (1 - decay) * np.power(decay, places, dtype=np.float64) * ranked
    return parts


def sum_by_owner(passages: PassageScores, size: int) -> tuple[NDArray[np.float64], Mask]:
    """Return the score of each of `size` candidates, and whether it has any passage."""
    sums = np.zeros(size)
    np.add.at(sums, passages.owners, passages.parts)
    return sums, np.bincount(passages.owners, minlength=size) > 0


def _segment_scores(
    segment: Segment, rows: Rowset, vector: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    documents = segment.candidates.documents
    passages = documents.values.passages
    starts = passages.offsets[documents.offsets[rows]]
    stops = passages.offsets[documents.offsets[rows + 1]]
    places = np.repeat(np.arange(len(rows)), stops - starts)
    at = indices(starts, stops)
    scores = passages.values.dot_ranges(vector, starts, stops)
    known = passages.values.scales[at] > 0
    docs = np.searchsorted(passages.offsets, at[known], side="right") - 1
    return places[known], docs, scores[known]
