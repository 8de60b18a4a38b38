"""The ranker that a match uses, and how sure it makes of a candidate."""

from collections.abc import Collection
from dataclasses import dataclass

from app.matches.models import StoredRanker
from app.matches.rankers.schemas import ConfidenceBody
from matching import (
    DEFAULT_WEIGHTS,
    Calibration,
    Confidence,
    Match,
    Ranker,
    Weights,
    default_calibration,
)
from matching.weights import FEATURES


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenRanker:
    """What ranks matches of one kind: the version with this number, 0 is the library's."""

    number: int
    ranker: Ranker

    @classmethod
    def of(cls, in_force: StoredRanker, encoder: str, features: Collection[str]) -> "ChosenRanker":
        """The one in force for matches like those that it has learned from, else the library's.

        Features of one dense space mean nothing in another, and neither do a calibration's scores
        under other weights: the two are chosen together.
        """
        learned_from = in_force.learned_from or {}
        is_alike = (in_force.encoder, learned_from.get("features")) == (encoder, measured(features))
        if in_force.calibration is None or not is_alike:
            calibration = default_calibration(encoder, features)
            return cls(number=0, ranker=Ranker(weights=DEFAULT_WEIGHTS, calibration=calibration))
        calibration = Calibration(**in_force.calibration)
        ranker = Ranker(weights=weights_of(in_force), calibration=calibration)
        return cls(number=in_force.number, ranker=ranker)

    def confidence_of(self, ranked: Match) -> ConfidenceBody:
        probability = self.ranker.probability(ranked.features)
        return ConfidenceBody(
            level=Confidence.of(probability),
            probability=probability,
            calibration="own" if self.number else "default",
        )


def weights_for(in_force: StoredRanker, encoder: str, features: Collection[str]) -> Weights:
    """By what matches in this dense space, with these features measured, are ranked."""
    return ChosenRanker.of(in_force, encoder, features).ranker.weights


def weights_of(ranker: StoredRanker) -> Weights:
    return DEFAULT_WEIGHTS if ranker.weights is None else Weights(**ranker.weights)


def measured(features: Collection[str]) -> list[str]:
    """Those that a ranker weighs: preferences are none, and hubness is not always there."""
    return [name for name in FEATURES if name in features]
