"""Many queries at once, against which a few candidates are held: who would now come in where?

A match holds one query against all candidates. When a few candidates of a large pool change, the
other way round is cheaper by far: the score of a candidate depends on the query, the candidate and
the frozen model, on the rest of the pool only where something of the candidate is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats, Rowset
from matching.embeddings import Vectors
from matching.features import Rows
from matching.fusion import mean_of
from matching.index import MatchIndex
from matching.postings import Postings, cosines, invert
from matching.queries import QueryFeatures
from matching.segments import Segment
from matching.weights import Weights

# How far sums in another order, of rounded numbers, may be from a match's own.
ROUNDING = 1e-3
BLOCK = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Queries in the spaces of one model: postings of their terms, and their vectors (n, d)."""

    ids: tuple[str, ...]
    postings: Postings
    vectors: Floats
    focuses: Floats

    @classmethod
    def of(cls, queries: Mapping[str, QueryFeatures]) -> Board:
        """Put up the queries that have vectors, by their ids."""
        known = [(i, q, q.vector, q.focus) for i, q in queries.items() if q.vector is not None]
        keys = np.concatenate([np.zeros(0, np.uint64), *(q.keys for _, q, _, _ in known)])
        weights = np.concatenate([np.zeros(0, np.float32), *(q.weights for _, q, _, _ in known)])
        offsets = np.cumsum([0, *(len(q.keys) for _, q, _, _ in known)], dtype=np.int64)
        terms, at = np.unique(keys, return_inverse=True)
        return cls(
            ids=tuple(query_id for query_id, _, _, _ in known),
            postings=invert(Rows(offsets, terms, at, weights)),
            vectors=_stacked([vector for _, _, vector, _ in known]),
            focuses=_stacked([v if focus is None else focus for _, _, v, focus in known]),
        )

    def __len__(self) -> int:
        return len(self.ids)


def hold_against(
    board: Board, candidates: MatchIndex, pool: MatchIndex, weights: Weights
) -> NDArray[np.float32]:
    """Return the (candidates, queries) scores that a match without preferences would give.

    Rows are those of `candidates`, a small index under the model of `pool`, of which comes what
    the average candidate has. With a decay of passages above 0 they are upper bounds: the best
    passage counts as the whole. Up to `ROUNDING`.
    """
    if not len(board):
        return np.zeros((len(candidates.alive), 0), dtype=np.float32)
    blocks = [_scores(board, segment, pool, weights) for segment in candidates.segments]
    return np.concatenate([np.zeros((0, len(board)), np.float32), *blocks])


def _scores(board: Board, segment: Segment, pool: MatchIndex, weights: Weights) -> Floats:
    held = segment.candidates
    has_topic = held.topics.scales > 0
    topic = _dots(held.topics, board.vectors)
    passage, has_passage = _passages(board, segment, np.arange(len(segment)), weights.decay)
    if not has_topic.all():
        topic[~has_topic] = _usual_topics(board, pool)
    if not has_passage.all():
        passage[~has_passage] = _usual_passages(board, pool, weights.decay)
    parts = {"lexical": _lexical(board, segment), "topic": topic, "passage": passage}
    if pool.model.probes is not None:
        usual = mean_of(pool.hubness, pool.alive)
        hubness = np.where(held.is_pending, np.float32(usual), held.hubness)
        parts["hubness"] = np.broadcast_to(hubness[:, None], topic.shape)
    return np.asarray(weights.fused(parts), dtype=np.float32)


def _lexical(board: Board, segment: Segment) -> Floats:
    """A walk over the queries' postings for each candidate, whose terms are read off its own."""
    entries = segment.postings.entries
    order = np.argsort(entries.values.rows, kind="stable")
    terms = np.repeat(segment.postings.keys, np.diff(entries.offsets))[order]
    values = entries.values.weights[order]
    bounds = np.searchsorted(entries.values.rows[order], np.arange(len(segment) + 1))
    found = np.zeros((len(segment), len(board)), dtype=np.float32)
    for row in range(len(segment)):
        own = slice(bounds[row], bounds[row + 1])
        found[row] = cosines(board.postings, terms[own], values[own], len(board))
    return found


def _passages(
    board: Board, segment: Segment, rows: Rowset, decay: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """(rows, queries) of some candidates, and who of them has any passage with a vector."""
    documents = segment.candidates.documents
    passages = documents.values.passages
    starts = passages.offsets[documents.offsets[rows]]
    stops = passages.offsets[documents.offsets[rows + 1]]
    found = np.zeros((len(rows), len(board)), dtype=np.float32)
    has_any = np.zeros(len(rows), dtype=np.bool_)
    for place, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        own = passages.values.between(start, stop)
        known = own.scales > 0
        if known.any():
            best = _dots(Vectors(own.codes[known], own.scales[known]), board.focuses).max(axis=0)
            # The sum of decayed passages is at most the best one, or its own part if negative.
            found[place] = np.where(best > 0, best, np.float32(1 - decay) * best)
            has_any[place] = True
    return found, has_any


def _usual_passages(board: Board, pool: MatchIndex, decay: float) -> Floats:
    """What the average candidate's passages come to for each query, of those a match takes."""
    total, count = np.zeros(len(board)), 0
    for start, segment in zip(pool.starts.tolist(), pool.segments, strict=False):
        rows = pool.background[pool.background >= start] - start
        for row in rows[rows < len(segment)]:
            best, has_any = _passages(board, segment, np.array([row]), decay)
            total += best[0]
            count += int(has_any[0])
    return np.asarray(total / max(1, count), dtype=np.float32)


def _usual_topics(board: Board, pool: MatchIndex) -> Floats:
    """The mean over the pool of its topics' cosines with each query."""
    total, count = np.zeros(pool.model.dimensions), 0
    for segment, alive in zip(pool.segments, pool.alive_by_segment, strict=True):
        topics = segment.candidates.topics
        known = np.where(alive, topics.scales, np.float32(0))
        for at in range(0, len(known), BLOCK):
            total += known[at : at + BLOCK] @ topics.codes[at : at + BLOCK].astype(np.float32)
        count += int(np.count_nonzero(known))
    return np.asarray(board.vectors @ (total / max(1, count)), dtype=np.float32)


def _dots(vectors: Vectors, asked: Floats) -> Floats:
    """(vectors, asked)."""
    dots = vectors.codes.astype(np.float32) @ asked.T
    return np.asarray(dots * vectors.scales[:, None], dtype=np.float32)


def _stacked(vectors: Sequence[Floats]) -> Floats:
    return np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)
