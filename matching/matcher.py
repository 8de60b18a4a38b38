"""match(): the stages in order, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from matching.aggregation import PassageScores, score_passages, sum_by_owner
from matching.arrays import Rowset
from matching.constraints import REASONS, detail, prefer, reasons
from matching.embeddings import Encoder
from matching.explanation import explain
from matching.fusion import Chosen, mean_of, neutral
from matching.index import MatchIndex
from matching.model import VectorsByKey
from matching.queries import QueryFeatures, read_query
from matching.retrieval import PoolScores, score_pool, top_rows
from matching.shares import Subject, subject_at
from matching.types import (
    LEXICAL_ONLY,
    Constraints,
    Exclusion,
    Preferences,
    Query,
    Ranking,
)
from matching.weights import DEFAULT_WEIGHTS, FEATURES, SPACES, Weights

NO_CONSTRAINTS = Constraints()
NO_PREFERENCES = Preferences()
CHOSEN = 1_000

Codes = NDArray[np.int8]
# The weights for matches in a dense space, which the encoder names, with these features measured.
WeightsFor = Callable[[str, tuple[str, ...]], Weights]


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage."""

    durations: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=perf_counter)

    def stop(self, stage: str) -> None:
        """Book the time since the last stop on `stage`."""
        now = perf_counter()
        self.durations[stage] = 1000 * (now - self.last)
        self.last = now


def match(
    query: Query,
    index: MatchIndex,
    *,
    query_vectors: VectorsByKey | None = None,
    encoder: Encoder | None = None,
    constraints: Constraints = NO_CONSTRAINTS,
    preferences: Preferences = NO_PREFERENCES,
    weights: Weights | WeightsFor = DEFAULT_WEIGHTS,
    limit: int = 50,
    depth: int = CHOSEN,
) -> Ranking:
    """Rank the candidates of `index` for `query`, best first, ties by id.

    The dense space takes what `query_vectors` holds by `text_key` of the query's texts, else what
    `encoder` makes of them; a latent one needs neither. Only then it is known what is compared, so
    that `weights` may be asked for. Passages are read of the `depth` best by words and topic.
    ValueError when `limit` < 1, or a vector or encoder does not fit.
    """
    watch = Stopwatch()
    asked = read_query(query, index.model, query_vectors, encoder)
    space = LEXICAL_ONLY if asked.vector is None else index.model.encoder
    measured = SPACES if index.model.probes is None else FEATURES
    if callable(weights):
        weights = weights(space, measured)
    watch.stop("query")
    pool = score_pool(asked, index)
    broken = reasons(index, constraints)
    rows = choose(pool, index, broken, weights, depth)
    watch.stop("retrieval")
    passages = score_passages(index, rows, asked.focus, weights.decay)
    watch.stop("aggregation")
    chosen = weigh_up(pool, rows, passages, asked, index, weights, preferences)
    watch.stop("fusion")
    ranked = rank(index, rows, chosen.scores(weights), broken[rows], limit)
    kept = [subject for subject in ranked if not broken[rows[subject.place]]][:limit]
    excluded = exclude(ranked, broken[rows], constraints, limit)
    watch.stop("constraints")
    matches = explain(query, asked, index, chosen, kept, weights)
    watch.stop("explanation")
    return Ranking(
        matches=matches,
        exclusions=excluded,
        index_version=index.version,
        encoder=space,
        measured=measured,
        pending=len(index.pending),
        durations=watch.durations,
    )


def choose(
    pool: PoolScores, index: MatchIndex, broken: Codes, weights: Weights, depth: int
) -> Rowset:
    """Return the rows worth a close look: the best `depth`, and as many of the allowed."""
    mean = mean_of(pool.topic, pool.has_topic & index.alive)
    topic = np.where(pool.has_topic, pool.topic, np.float32(mean))
    parts = {"lexical": pool.lexical, "topic": topic, "hubness": index.hubness}
    first = weights.fused(parts)
    best = top_rows(first, index.alive, index.draws, depth)
    if not broken[best].any():
        return best
    return np.union1d(best, top_rows(first, index.alive & (broken == 0), index.draws, depth))


def weigh_up(
    pool: PoolScores,
    rows: Rowset,
    passages: PassageScores,
    asked: QueryFeatures,
    index: MatchIndex,
    weights: Weights,
    preferences: Preferences,
) -> Chosen:
    """Gather the features of the chosen rows, each beside the average of the pool."""
    usual = score_passages(index, index.background, asked.focus, weights.decay)
    passage_mean = mean_of(*sum_by_owner(usual, len(index.background)))
    topic_mean = mean_of(pool.topic, pool.has_topic & index.alive)
    everyone = np.ones(len(rows), dtype=np.bool_)
    features = {
        "lexical": neutral(pool.lexical[rows], everyone, mean_of(pool.lexical, index.alive)),
        "topic": neutral(pool.topic[rows], pool.has_topic[rows], topic_mean),
        "passage": neutral(*sum_by_owner(passages, len(rows)), passage_mean),
    }
    if index.model.probes is not None:
        usual_hubness = mean_of(index.hubness, index.alive)
        features["hubness"] = neutral(index.hubness[rows], everyone, usual_hubness)
    return Chosen(rows, features, passages, prefer(index, rows, passages, preferences))


def rank(
    index: MatchIndex, rows: Rowset, scores: NDArray[np.float64], broken: Codes, limit: int
) -> list[Subject]:
    """Return, in order, whoever may come first `limit`, with or without constraints."""
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    near = scores >= _threshold(scores, limit)
    near |= (broken == 0) & (scores >= _threshold(scores[broken == 0], limit))
    subjects = [subject_at(index, rows, int(place)) for place in np.flatnonzero(near)]
    return sorted(subjects, key=lambda subject: (-scores[subject.place], subject.candidate_id))


def exclude(
    ranked: Sequence[Subject], broken: Codes, constraints: Constraints, limit: int
) -> tuple[Exclusion, ...]:
    """Report who would have stood in the first `limit` places without the constraints, and why."""
    return tuple(
        Exclusion(
            candidate_id=subject.candidate_id,
            rank=place,
            reason=(reason := REASONS[broken[subject.place]]),
            detail=detail(
                reason,
                subject.segment.candidates.facts,
                subject.row,
                subject.candidate_id,
                constraints,
            ),
        )
        for place, subject in enumerate(ranked[:limit], start=1)
        if broken[subject.place]
    )


def _threshold(scores: NDArray[np.float64], limit: int) -> float:
    if len(scores) <= limit:
        return -np.inf
    return float(np.partition(scores, len(scores) - limit)[len(scores) - limit])
