"""Several scores → one: a weighted sum of plain cosines, so that every score decomposes exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.aggregation import PassageScores
from matching.weights import Weights


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """The chosen candidates' values of one feature, and what the average candidate has."""

    values: NDArray[np.float64]
    mean: float


@dataclass(frozen=True, slots=True, eq=False)
class PreferenceValues:
    """A soft preference: its weight and how far each of the chosen candidates meets it, 0 to 1."""

    name: str
    weight: float
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The candidates that were looked at closely: their rows, ascending, and what is known."""

    rows: NDArray[np.int64]
    features: Mapping[str, Feature]
    passages: PassageScores
    preferences: Sequence[PreferenceValues]

    def scores(self, weights: Weights) -> NDArray[np.float64]:
        """Return the final score of each: fused features and preferences."""
        scores = weights.fused({name: feature.values for name, feature in self.features.items()})
        for preference in self.preferences:
            scores = scores + preference.weight * preference.values
        return scores


def neutral(values: NDArray[np.floating], known: NDArray[np.bool_], mean: float) -> Feature:
    """Return a feature in which whatever is not known counts as average."""
    return Feature(np.where(known, values.astype(np.float64), mean), mean)


def mean_of(values: NDArray[np.floating], known: NDArray[np.bool_]) -> float:
    """Return the mean of the known values, 0 when there are none."""
    return float(values[known].mean(dtype=np.float64)) if known.any() else 0.0
