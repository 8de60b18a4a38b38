"""How sure a match is: its fused score as the probability that a coordinator finds it suitable."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import exp

from matching.model import LATENT
from matching.types import LEXICAL_ONLY
from matching.weights import FEATURES, Weights


class Confidence(StrEnum):
    """What people are told instead of a number: 强, 中, 弱."""

    strong = "strong"
    medium = "medium"
    weak = "weak"

    @classmethod
    def of(cls, probability: float) -> Confidence:
        """Strong where two of three or more are suitable, weak where less than one of three is."""
        if probability >= 2 / 3:
            return cls.strong
        return cls.medium if probability >= 1 / 3 else cls.weak


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """P(suitable) = 1 / (1 + exp(−(slope · score + intercept))), after Platt (1999)."""

    slope: float
    intercept: float

    def probability(self, score: float) -> float:
        """Return the probability for a fused score."""
        logit = self.slope * score + self.intercept
        # The exponent is never positive, so that no score overflows.
        return 1 / (1 + exp(-logit)) if logit >= 0 else 1 - 1 / (1 + exp(logit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """How candidates are scored, and what a score means."""

    weights: Weights
    calibration: Calibration

    def probability(self, features: Mapping[str, float]) -> float:
        """P(suitable) by the features of a `Match`; preferences say nothing of suitability."""
        return self.calibration.probability(self.weights.fused(features))


# At the default weights, the means over folds that each leave one demand out, of 1,104 graded
# candidates of 34 real demands with real profiles (179 of them suitable: grade 2 or 3). On the
# demands left out, with an encoder: Brier .092 (.136 for who says the share of suitable ones),
# expected calibration error .016; in the latent space .096 and .036. By (is latent, has hubness):
# where hubness is not measured nothing is subtracted, and scores are higher.
DEFAULTS = {
    (False, True): Calibration(slope=6.02, intercept=-4.17),
    (False, False): Calibration(slope=5.87, intercept=-5.07),
    (True, True): Calibration(slope=3.69, intercept=-3.46),
    (True, False): Calibration(slope=3.50, intercept=-3.93),
}


def default_calibration(encoder: str, features: Collection[str] = FEATURES) -> Calibration:
    """That of the default weights, in the dense space that a ranking had, if any.

    `features` are those that were measured.
    """
    return DEFAULTS[encoder in (LATENT, LEXICAL_ONLY), "hubness" in features]
