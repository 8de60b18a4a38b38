"""Weights chosen on some demands and measured on others: nested cross-validation.

The outer folds measure what the inner choice is worth on demands that it has not seen; folds are
drawn again and again, and a demand's figure is its mean. The inner choice is the mean of the best
tenth of a grid, which a few demands move less than the single best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from app.evaluation.cases import Judgments
from app.evaluation.figures import MEASURES
from app.evaluation.ranking import Ranked, Rankings, matrix_of
from matching import Weights
from matching.evaluation import Estimate
from matching.learning import fused, held_out
from matching.weights import FEATURES

GRID = {
    "lexical": (2.0, 3.0, 4.0, 5.0, 6.0),
    "topic": (0.0, 0.5, 1.0, 1.5),
    "passage": (0.5, 1.0, 1.5, 2.0),
    "hubness": (0.0, 0.2, 0.4, 0.6),
}
REPEATS = 20
BEST_SHARE = 10
DEPTH = 50
# Those that the first fifty can tell.
MEASURED = [name for name in MEASURES if name != "recall_at_100"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """What held-out demands got, by measure; mean and deviation of the weights over the folds."""

    measures: Mapping[str, Estimate]
    weights: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class RankedPool:
    """One demand: all candidates by id, their features, and what they were judged."""

    ids: list[str]
    features: NDArray[np.float64]
    grades: Mapping[str, int]

    def measure(self, name: str, weights: Weights) -> float:
        first = np.argsort(-fused(self.features, weights), kind="stable")[:DEPTH]
        return MEASURES[name]([self.ids[place] for place in first], self.grades)


def nested(rankings: Rankings, judgments: Judgments, used: Weights) -> Nested:
    """Cross-validate; `rankings` are of all candidates, and weights stay as large as `used`."""
    demands = [_pool(rankings[d], judgments[d]) for d in sorted(judgments)]
    grid = _grid(used)
    gains = np.array([[one.measure("ndcg_at_10", weights) for weights in grid] for one in demands])
    found: dict[str, list[list[float]]] = {name: [[] for _ in demands] for name in MEASURED}
    chosen = []
    numbers = np.arange(len(demands))
    for held in (part for seed in range(REPEATS) for part in held_out(numbers, seed=seed)):
        weights = choose(grid, gains[~held].mean(axis=0))
        chosen.append(weights)
        for number in numbers[held].tolist():
            for name in MEASURED:
                found[name][number].append(demands[number].measure(name, weights))
    factors = [[weights.of(name) for name in FEATURES] for weights in chosen]
    means, deviations = np.mean(factors, axis=0), np.std(factors, axis=0)
    return Nested(
        measures={n: Estimate.of([fmean(own) for own in values]) for n, values in found.items()},
        weights={
            name: (float(mean), float(deviation))
            for name, mean, deviation in zip(FEATURES, means, deviations, strict=True)
        },
    )


def choose(grid: Sequence[Weights], gains: NDArray[np.float64]) -> Weights:
    """Return the mean of the tenth of the grid that gained most."""
    order = np.argsort(-gains, kind="stable").tolist()
    best = [grid[place] for place in order[: max(1, len(grid) // BEST_SHARE)]]
    return Weights(**{name: fmean(getattr(one, name) for one in best) for name in GRID})


def _grid(used: Weights) -> list[Weights]:
    """Every combination, scaled to the size of `used`, since only relations matter to an order."""
    every = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    scales = [_size(used) / _size(Weights(**one)) for one in every]
    return [
        Weights(**{name: value * scale for name, value in one.items()})
        for one, scale in zip(every, scales, strict=True)
    ]


def _size(weights: Weights) -> float:
    """Cosines of the lexical space are about a quarter of the others."""
    return weights.lexical / 4 + weights.topic + weights.passage


def _pool(ranking: Sequence[Ranked], grades: Mapping[str, int]) -> RankedPool:
    by_id = sorted(ranking, key=lambda one: one.candidate_id)
    features = matrix_of([one.features for one in by_id])
    return RankedPool([one.candidate_id for one in by_id], features, grades)
