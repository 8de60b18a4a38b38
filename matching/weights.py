"""What each feature of a candidate counts in its score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", float, NDArray[np.float32], NDArray[np.float64])

SPACES = ("lexical", "topic", "passage")
FEATURES = (*SPACES, "hubness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weight of each space's cosine and of hubness, and the decay ρ of `aggregation`.

    A setting of the platform. Cosines of the lexical space are small, hence its weight; hubness is
    subtracted. The defaults were chosen on development judgments of real demands against real
    profiles.
    """

    lexical: float = 4.0
    topic: float = 1.0
    passage: float = 1.0
    hubness: float = 0.4
    decay: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, got {self.decay}")

    def of(self, feature: str) -> float:
        """Return by what one of `FEATURES` is multiplied."""
        return {
            "lexical": self.lexical,
            "topic": self.topic,
            "passage": self.passage,
            "hubness": -self.hubness,
        }[feature]

    def fused(self, values: Mapping[str, Value]) -> Value:
        """Return Σ weight × value over those of `FEATURES` that are given, at least one.

        Every score, probability and baseline is this sum, of numbers or of arrays alike; what is no
        feature, as a preference, is passed over.
        """
        terms = [self.of(name) * values[name] for name in FEATURES if name in values]
        total: Value = reduce(add, terms)
        return total


DEFAULT_WEIGHTS = Weights()
