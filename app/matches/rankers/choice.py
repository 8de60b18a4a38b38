"""The ranker that a match uses, and how sure it makes of a candidate."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from app.matches.models import StoredRanker
from app.matches.rankers.schemas import ConfidenceBody
from matching import (
    DEFAULT_WEIGHTS,
    Calibration,
    Confidence,
    Match,
    Ranker,
    Ranking,
    Weights,
    default_calibration,
)
from matching.weights import FEATURES

Source = Literal["default", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCalibration:
    """A calibration, and whether the platform's own verdicts made it."""

    calibration: Calibration
    source: Source


def weights_of(ranker: StoredRanker) -> Weights:
    return DEFAULT_WEIGHTS if ranker.weights is None else Weights(**ranker.weights)


def calibration_for(
    ranker: StoredRanker, encoder: str, features: Collection[str]
) -> UsedCalibration:
    """Its own for matches like those that it has learned from, else the default one."""
    learned_from = ranker.learned_from or {}
    is_alike = (ranker.encoder, learned_from.get("features")) == (encoder, measured(features))
    if ranker.calibration is None or not is_alike:
        return UsedCalibration(calibration=default_calibration(encoder, features), source="default")
    return UsedCalibration(calibration=Calibration(**ranker.calibration), source="own")


def measured(features: Collection[str]) -> list[str]:
    """Those that a ranker weighs: preferences are none, and hubness is not always there."""
    return [name for name in FEATURES if name in features]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """Tells of the candidates of one ranking how sure it is of them."""

    ranker: Ranker
    source: Source

    @classmethod
    def of(cls, stored: StoredRanker, ranking: Ranking) -> "Assurance":
        """What was measured is the same of all candidates."""
        features = ranking.matches[0].features if ranking.matches else {}
        used = calibration_for(stored, ranking.encoder, features)
        ranker = Ranker(weights=weights_of(stored), calibration=used.calibration)
        return cls(ranker=ranker, source=used.source)

    def of_match(self, ranked: Match) -> ConfidenceBody:
        probability = self.ranker.probability(ranked.features)
        return ConfidenceBody(
            level=Confidence.of(probability), probability=probability, calibration=self.source
        )
