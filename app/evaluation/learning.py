"""What weights learned from judged cases are worth on cases that they were not learned from.

Judgments stand for verdicts: grade 2 and better is suitable. All of it is cross-validated by
demand: nDCG@10 among the judged candidates, by which the service decides on a promotion, and of
whole pools, of which most were never judged.
"""

from dataclasses import dataclass

import numpy as np

from app.evaluation.cases import Judgments
from app.evaluation.ranking import Rankings, matrix_of
from matching import Ranker, Weights
from matching.evaluation import RELEVANT, Estimate, ndcg
from matching.learning import Judged, Trial, fused, held_out, learn_weights, try_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The trial among judged candidates, nDCG@10 of whole pools, and what all demands teach."""

    trial: Trial
    of_pools: Estimate
    of_pools_before: Estimate
    gain_of_pools: Estimate
    weights: Weights


def learned(rankings: Rankings, judgments: Judgments, used: Ranker) -> Learned:
    """Learn from the judged demands, and try out; ValueError for fewer of them than folds."""
    judged = as_verdicts(rankings, judgments)
    trial = try_out(judged, used)
    before, after = ndcg_of_pools(rankings, judgments, judged, used)
    return Learned(
        trial=trial,
        of_pools=Estimate.of(after),
        of_pools_before=Estimate.of(before),
        gain_of_pools=Estimate.of([a - b for a, b in zip(after, before, strict=True)]),
        weights=learn_weights(judged, used),
    )


def as_verdicts(rankings: Rankings, judgments: Judgments) -> Judged:
    """The judged candidates with their features; what is not suitable has no grade."""
    rows = [
        (number, one.features, judgments[demand][one.candidate_id])
        for number, demand in enumerate(sorted(judgments))
        for one in rankings[demand]
        if one.candidate_id in judgments[demand]
    ]
    return Judged(
        features=matrix_of([features for _, features, _ in rows]),
        grades=np.array([grade if grade >= RELEVANT else 0 for _, _, grade in rows]),
        demands=np.array([number for number, _, _ in rows]),
    )


def ndcg_of_pools(
    rankings: Rankings, judgments: Judgments, judged: Judged, used: Ranker
) -> tuple[list[float], list[float]]:
    """Of every demand nDCG@10 of its whole pool, by the weights in use and by learned ones."""
    names = sorted(judgments)
    before, after = np.zeros(len(names)), np.zeros(len(names))
    for held in held_out(judged.demands):
        weights = learn_weights(judged.where(~held), used)
        for number in np.unique(judged.demands[held]).tolist():
            ranking, grades = rankings[names[number]], judgments[names[number]]
            features = matrix_of([one.features for one in ranking])
            for found, by in ((before, used.weights), (after, weights)):
                order = np.argsort(-fused(features, by), kind="stable").tolist()
                found[number] = ndcg([ranking[place].candidate_id for place in order], grades)
    return before.tolist(), after.tolist()
