"""What each feature of a candidate counts in its score."""

from __future__ import annotations

from dataclasses import dataclass

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


DEFAULT_WEIGHTS = Weights()
