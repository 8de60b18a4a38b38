"""Several scores → one: a weighted sum of plain cosines, so that every score decomposes exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.aggregation import PassageScores

SPACES = ("lexical", "topic", "passage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weight of each space and the decay ρ of `aggregation`; a setting of the platform.

    Cosines of the lexical space are small, hence its weight. The defaults were chosen on
    development judgments of real demands against real profiles.
    """

    lexical: float = 4.0
    topic: float = 1.0
    passage: float = 1.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, got {self.decay}")

    def of(self, space: str) -> float:
        """Return the weight of one of `SPACES`."""
        return {"lexical": self.lexical, "topic": self.topic, "passage": self.passage}[space]


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One space's cosines of the chosen candidates, and what the average candidate gets."""

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
        """Return the final score of each: fused cosines and preferences."""
        scores = fuse(self.features, weights)
        for preference in self.preferences:
            scores = scores + preference.weight * preference.values
        return scores


def neutral(values: NDArray[np.floating], known: NDArray[np.bool_], mean: float) -> Feature:
    """Return a feature in which whatever is not known counts as average."""
    return Feature(np.where(known, values.astype(np.float64), mean), mean)


def mean_of(values: NDArray[np.floating], known: NDArray[np.bool_]) -> float:
    """Return the mean of the known values, 0 when there are none."""
    return float(values[known].mean(dtype=np.float64)) if known.any() else 0.0


def fuse(features: Mapping[str, Feature], weights: Weights) -> NDArray[np.float64]:
    """Return Σ weight × cosine over `SPACES`."""
    spaces = [weights.of(space) * features[space].values for space in SPACES]
    return np.asarray(np.sum(spaces, axis=0), dtype=np.float64)
