"""Weights and their calibration learned from verdicts on candidates as they were shown.

Verdicts exist only on candidates that a ranking before has shown, mostly its first ones. What is
learned is therefore how to order and to judge such candidates: it says little of those whom no
ranking has shown, and the features by which all of them were chosen seem to count for less than
they do (selection bias; Joachims, Swaminathan & Schnabel 2017). Hence the pull towards the weights
in force, and the comparison on demands held out, whose candidates were shown the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from matching.confidence import Calibration, Ranker
from matching.evaluation import RELEVANT, Estimate, ndcg
from matching.weights import DEFAULT_WEIGHTS, FEATURES, Weights

SIGNS = np.array([Weights(lexical=1, topic=1, passage=1, hubness=1).of(f) for f in FEATURES])
# As many demands' say has the ranker in force. With less of it, what was learned from 34 real
# demands ordered whole pools worse than before, and worse than it ordered those who were judged.
STRENGTH = 30.0
FOLDS = 5
BINS = 10

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judged:
    """Candidates that were shown and judged: (n, 4) `FEATURES` as shown, (n,) grades from 0 to 3.

    `demands` (n,) tells by a number for which demand each was shown; suitable is grade ≥ 2.
    """

    features: Values
    grades: NDArray[np.int64]
    demands: NDArray[np.int64]

    def __post_init__(self) -> None:
        sizes = self.features.shape, len(self.grades), len(self.demands)
        if sizes != ((len(self.grades), len(FEATURES)), len(self.demands), len(self.grades)):
            raise ValueError(f"features, grades and demands do not fit: {sizes}")

    @property
    def suitable(self) -> NDArray[np.bool_]:
        return self.grades >= RELEVANT

    def where(self, rows: NDArray[np.bool_]) -> Judged:
        """The same of some rows."""
        return Judged(
            features=self.features[rows], grades=self.grades[rows], demands=self.demands[rows]
        )

    def by_demand(self) -> Iterator[NDArray[np.int64]]:
        """The rows of each demand, in the order of their numbers."""
        order = np.argsort(self.demands, kind="stable")
        starts = np.flatnonzero(np.diff(self.demands[order])) + 1
        yield from np.split(order, starts) if len(order) else ()

    def contrasted(self) -> Judged:
        """What was judged for demands that have both suitable and unsuitable candidates."""
        kinds = {False: self.demands[~self.suitable], True: self.demands[self.suitable]}
        return self.where(np.isin(self.demands, np.intersect1d(kinds[False], kinds[True])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Candidates whose probabilities lie in one tenth: what was said, and what was found."""

    count: int
    mean_probability: float
    share_suitable: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How true probabilities are: Brier (1950) score, expected calibration error (Naeini 2015).

    Both are 0 at best; `brier_of_share` is the score of who says the share of suitable ones of all.
    """

    verdicts: int
    suitable: int
    brier: float
    brier_of_share: float
    expected_calibration_error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a ranker does on demands that it has not learned from, beside the one in force.

    `ndcg_at_10` among the judged candidates of each demand with both kinds of verdicts. `gain` is
    by how much it is higher than with the ranker in force, `brier_gain` by how much the Brier score
    of a demand's verdicts is lower; both paired by demand.
    """

    ndcg_at_10: Estimate
    gain: Estimate
    reliability: Reliability
    brier_gain: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is learned, and the weights in force calibrated anew, on demands held out.

    `demands` have both kinds of verdicts; `in_force` and `default` are nDCG@10 on them.
    """

    demands: int
    in_force: Estimate
    default: Estimate
    learned: Outcome
    recalibrated: Outcome


def fused(features: Values, weights: Weights) -> Values:
    """Return the fused scores (n,) of features (n, 4)."""
    return weights.fused(dict(zip(FEATURES, features.T, strict=True)))


def learn(judged: Judged, in_force: Ranker) -> Ranker:
    """Learn weights, and calibrate them on the same verdicts."""
    weights = learn_weights(judged, in_force)
    return Ranker(weights=weights, calibration=calibrate(judged, weights))


def learn_weights(judged: Judged, in_force: Ranker, *, strength: float = STRENGTH) -> Weights:
    """Learn weights w ≥ 0 from pairs of a demand's suitable (i) and unsuitable (j) candidates.

    Minimises Σ_demands mean_ij log(1 + exp(−v·(x_i − x_j))) + strength/2 Σ_f (σ_f (v_f − v⁰_f))²
    over v ≥ 0 (hubness enters with its sign turned), where v = slope · w is the weight on the
    logit, v⁰ that of the ranker in force and σ_f the feature's deviation within a demand: pairwise
    logistic regression (RankNet without its net, Burges et al. 2005), pulled towards what is in
    force. Every score so rises in each feature but hubness, in which it falls. The result is
    scaled to spread the scores as far as before, so that preferences keep their weight; the decay
    stays. Without any pair the weights in force are returned.
    """
    from scipy.optimize import minimize  # here, since only who learns needs it

    judged = judged.contrasted()
    if not len(judged.grades):
        return in_force.weights
    differences, shares = _pairs(judged)
    deviation = _within(judged).std(axis=0)
    start = in_force.calibration.slope * np.array([_size(in_force.weights, f) for f in FEATURES])

    def loss(v: Values) -> tuple[float, Values]:
        margins, pull = differences @ v, strength * deviation**2 * (v - start)
        value = -shares @ log_expit(margins) + 0.5 * pull @ (v - start)
        return float(value), pull - (shares * expit(-margins)) @ differences

    bounds = [(0, None)] * len(FEATURES)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return _scaled(found, _within(judged), in_force.weights)


def calibrate(judged: Judged, weights: Weights) -> Calibration:
    """Fit Platt's sigmoid to the verdicts, with his smoothed targets and a slope ≥ 0.

    Targets are (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2) (Platt 1999), so that verdicts of one kind alone
    make nobody certain.
    """
    from scipy.optimize import minimize  # here, since only who learns needs it

    scores, suitable = fused(judged.features, weights), judged.suitable
    positive = int(suitable.sum())
    high, low = (positive + 1) / (positive + 2), 1 / (len(suitable) - positive + 2)
    targets = np.where(suitable, high, low)

    def loss(line: Values) -> tuple[float, Values]:
        logits = line[0] * scores + line[1]
        error = expit(logits) - targets
        value = -log_expit(-logits).sum() - targets @ logits
        return float(value), np.array([error @ scores, error.sum()])

    bounds = [(0, None), (None, None)]
    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds).x
    return Calibration(slope=float(slope), intercept=float(intercept))


def try_out(judged: Judged, in_force: Ranker, *, folds: int = FOLDS, seed: int = 0) -> Trial:
    """Compare what would be learned with what is in force, cross-validated by demand.

    The ranker in force may itself have learned from these demands, which only favours it.
    ValueError when fewer demands than folds have both kinds of verdicts.
    """
    numbers = np.unique(judged.contrasted().demands)
    if len(numbers) < folds:
        raise ValueError(f"{folds} folds need as many demands, got {len(numbers)}")
    learned, probable, again = (np.zeros(len(judged.grades)) for _ in range(3))
    before = fused(judged.features, in_force.weights)
    for held in held_out(judged.demands, folds=folds, seed=seed):
        ranker = learn(judged.where(~held), in_force)
        anew = calibrate(judged.where(~held), in_force.weights)
        learned[held] = fused(judged.features[held], ranker.weights)
        probable[held] = _probabilities(learned[held], ranker.calibration)
        again[held] = _probabilities(before[held], anew)
    said = _probabilities(before, in_force.calibration)
    ndcg_before = _ndcg_by_demand(judged, before)
    default = _ndcg_by_demand(judged, fused(judged.features, DEFAULT_WEIGHTS))
    return Trial(
        demands=len(numbers),
        in_force=Estimate.of(ndcg_before),
        default=Estimate.of(default),
        learned=_outcome(judged, _ndcg_by_demand(judged, learned), ndcg_before, probable, said),
        recalibrated=_outcome(judged, ndcg_before, ndcg_before, again, said),
    )


def held_out(
    demands: NDArray[np.int64], *, folds: int = FOLDS, seed: int = 0
) -> Iterator[NDArray[np.bool_]]:
    """The rows of each fold; those of one demand are all in the same one."""
    numbers = np.unique(demands)
    parts = np.random.default_rng(seed).permutation(len(numbers)) % folds
    for part in range(folds):
        yield np.isin(demands, numbers[parts == part])


def reliability(probabilities: Values, suitable: NDArray[np.bool_]) -> Reliability:
    """Measure probabilities against what was found, in ten bins of equal width."""
    share = float(suitable.mean())
    places = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    bins = [
        Bin(
            count=int(inside.sum()),
            mean_probability=float(probabilities[inside].mean()),
            share_suitable=float(suitable[inside].mean()),
        )
        for place in range(BINS)
        if (inside := places == place).any()
    ]
    gaps = [one.count * abs(one.mean_probability - one.share_suitable) for one in bins]
    return Reliability(
        verdicts=len(suitable),
        suitable=int(suitable.sum()),
        brier=float(((probabilities - suitable) ** 2).mean()),
        brier_of_share=share * (1 - share),
        expected_calibration_error=sum(gaps) / len(suitable),
        bins=tuple(bins),
    )


def _outcome(
    judged: Judged,
    ndcgs: list[float],
    ndcgs_before: list[float],
    probabilities: Values,
    said_before: Values,
) -> Outcome:
    falls = (said_before - judged.suitable) ** 2 - (probabilities - judged.suitable) ** 2
    return Outcome(
        ndcg_at_10=Estimate.of(ndcgs),
        gain=Estimate.of([a - b for a, b in zip(ndcgs, ndcgs_before, strict=True)]),
        reliability=reliability(probabilities, judged.suitable),
        brier_gain=Estimate.of([float(falls[rows].mean()) for rows in judged.by_demand()]),
    )


def _ndcg_by_demand(judged: Judged, scores: Values) -> list[float]:
    """Of the demands with both kinds of verdicts: of the others no order is wrong."""
    found = []
    for rows in judged.by_demand():
        if len(set(judged.suitable[rows].tolist())) == 2:
            best_first = rows[np.argsort(-scores[rows], kind="stable")]
            grades = {str(row): int(judged.grades[row]) for row in rows}
            found.append(ndcg([str(row) for row in best_first], grades))
    return found


def _pairs(judged: Judged) -> tuple[Values, Values]:
    """Signed differences (m, 4) of suitable and unsuitable candidates, and each one's share."""
    differences, shares = [], []
    for rows in judged.by_demand():
        features, suitable = _signed(judged.features[rows]), judged.suitable[rows]
        pairs = (features[suitable][:, None] - features[~suitable][None]).reshape(-1, len(FEATURES))
        differences.append(pairs)
        shares.append(np.full(len(pairs), 1 / len(pairs)))
    return np.concatenate(differences), np.concatenate(shares)


def _within(judged: Judged) -> Values:
    """Signed features less the mean of their demand."""
    found = _signed(judged.features)
    for rows in judged.by_demand():
        found[rows] -= found[rows].mean(axis=0)
    return found


def _scaled(v: Values, within: Values, in_force: Weights) -> Weights:
    """The weights v, as large as those in force make the scores of a demand spread."""
    before = np.array([_size(in_force, feature) for feature in FEATURES])
    spread = float((within @ v).std())
    if spread < 1e-9:  # nothing was found that orders candidates
        return in_force
    scaled = v * float((within @ before).std()) / spread
    return Weights(decay=in_force.decay, **dict(zip(FEATURES, scaled.tolist(), strict=True)))


def _signed(features: Values) -> Values:
    """The features, each so that more of it is better."""
    signed: Values = features * SIGNS
    return signed


def _size(weights: Weights, feature: str) -> float:
    return abs(weights.of(feature))


def _probabilities(scores: Values, calibration: Calibration) -> Values:
    found: Values = expit(calibration.slope * scores + calibration.intercept)
    return found
