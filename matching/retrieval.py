"""Query × index → every candidate's lexical and dense cosines, and who deserves a closer look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats, Rowset
from matching.index import MatchIndex
from matching.kernels import kth_largest
from matching.postings import cosines
from matching.queries import QueryFeatures
from matching.segments import Mask


@dataclass(frozen=True, slots=True, eq=False)
class PoolScores:
    """Cosines of all rows of an index; `topic` is only meaningful where `has_topic`."""

    lexical: Floats
    topic: Floats
    has_topic: Mask


def score_pool(features: QueryFeatures, index: MatchIndex) -> PoolScores:
    """Return the cosines of the query with every candidate's terms and topic."""
    lexical, topics, known = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)], [index.alive[:0]]
    for segment in index.segments:
        vectors = segment.candidates.topics
        lexical.append(cosines(segment.postings, features.keys, features.weights, len(segment)))
        if features.vector is None:
            topics.append(np.zeros(len(segment), dtype=np.float32))
            known.append(np.zeros(len(segment), dtype=np.bool_))
        else:
            topics.append(vectors.dot(features.vector))
            known.append(vectors.scales > 0)
    return PoolScores(np.concatenate(lexical), np.concatenate(topics), np.concatenate(known))


def top_rows(scores: Floats, allowed: Mask, draws: NDArray[np.uint32], size: int) -> Rowset:
    """Return the `size` allowed rows with the highest scores, equals by draw, in order of rows."""
    count = np.count_nonzero(allowed)
    if count <= size:
        return np.flatnonzero(allowed)
    values = scores if count == len(scores) else np.where(allowed, scores, -np.float32(np.inf))
    threshold = kth_largest(values, size)
    best = np.flatnonzero(values >= threshold)
    if len(best) == size:
        return best
    above, equal = best[values[best] > threshold], best[values[best] == threshold]
    filling = equal[np.lexsort((equal, draws[equal]))][: size - len(above)]
    return np.sort(np.concatenate([above, filling]))
