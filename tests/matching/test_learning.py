"""Learning by simulation: verdicts whose true weights are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from matching import DEFAULT_WEIGHTS, Calibration, Ranker, Weights, default_calibration
from matching.evaluation import Estimate
from matching.learning import (
    SIGNS,
    Judged,
    calibrate,
    fused,
    held_out,
    learn,
    learn_weights,
    reliability,
    try_out,
)
from matching.weights import FEATURES

IN_FORCE = Ranker(weights=DEFAULT_WEIGHTS, calibration=default_calibration("an encoder"))
# As features of candidates of one demand deviate where real ones were shown.
DEVIATIONS = np.array([0.03, 0.08, 0.09, 0.09])
# What the default weights overlook: topics say all, and hubs nothing.
TRUE = Weights(lexical=1.0, topic=6.0, passage=0.5, hubness=0.0)


def simulated(
    truth: Weights | None, *, demands: int, each: int = 12, seed: int = 0, steepness: float = 12.0
) -> Judged:
    """Verdicts drawn by the sigmoid of the true score, or by a coin without a truth."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(demands * each, len(FEATURES))) * DEVIATIONS
    numbers = np.repeat(np.arange(demands), each)
    features += (random.normal(size=(demands, len(FEATURES))) * DEVIATIONS)[numbers]
    logits = np.zeros(len(features)) if truth is None else steepness * fused(features, truth)
    is_suitable = random.random(len(features)) < expit(logits)
    grades = np.where(is_suitable, random.integers(2, 4, len(features)), 0)
    return Judged(features=features, grades=grades, demands=numbers)


def direction(weights: Weights) -> NDArray[np.float64]:
    sizes = np.array([weights.of(name) for name in FEATURES]) * SIGNS * DEVIATIONS
    return np.asarray(sizes / np.linalg.norm(sizes))


def test_the_true_weights_are_found() -> None:
    learned = learn_weights(simulated(TRUE, demands=800), IN_FORCE)
    assert direction(learned) @ direction(TRUE) > 0.99
    assert direction(DEFAULT_WEIGHTS) @ direction(TRUE) < 0.85
    assert learned.decay == DEFAULT_WEIGHTS.decay


def test_few_verdicts_move_little_and_many_move_more() -> None:
    moved = [
        1
        - direction(learn_weights(simulated(TRUE, demands=n), IN_FORCE))
        @ direction(IN_FORCE.weights)
        for n in (2, 20, 200, 2_000)
    ]
    assert moved == sorted(moved)
    assert moved[0] < 0.01 < 0.1 < moved[-1]


def test_without_a_pair_what_is_in_force_stays() -> None:
    of_one_kind = simulated(TRUE, demands=10)
    for grade in (0, 3):
        grades = np.full(len(of_one_kind.grades), grade)
        alike = Judged(features=of_one_kind.features, grades=grades, demands=of_one_kind.demands)
        assert learn_weights(alike, IN_FORCE) == DEFAULT_WEIGHTS


def test_scores_spread_as_before_so_that_preferences_keep_their_weight() -> None:
    judged = simulated(TRUE, demands=300)
    learned = learn_weights(judged, IN_FORCE)
    centred = Judged(features=judged.features, grades=judged.grades, demands=judged.demands)
    for rows in centred.by_demand():
        centred.features[rows] -= centred.features[rows].mean(axis=0)
    spreads = [fused(centred.features, w).std() for w in (learned, DEFAULT_WEIGHTS)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.02)


def test_a_real_gain_is_seen_on_demands_held_out() -> None:
    trial = try_out(simulated(TRUE, demands=200), IN_FORCE)
    learned = trial.learned
    assert learned.gain.low is not None
    assert learned.gain.low > 0
    assert learned.ndcg_at_10.mean - trial.in_force.mean == pytest.approx(learned.gain.mean)
    assert trial.in_force == trial.default == trial.recalibrated.ndcg_at_10
    assert trial.recalibrated.gain == Estimate(mean=0.0, low=0.0, high=0.0)


@pytest.mark.parametrize("seed", range(5))
def test_of_noise_nothing_is_gained(seed: int) -> None:
    trial = try_out(simulated(None, demands=60, seed=seed), IN_FORCE)
    assert trial.learned.gain.low is not None
    assert trial.learned.gain.low <= 0


def test_nothing_is_gained_where_the_weights_in_force_are_the_true_ones() -> None:
    trial = try_out(simulated(DEFAULT_WEIGHTS, demands=200), IN_FORCE)
    assert trial.learned.gain.low is not None
    assert trial.learned.gain.low <= 0
    assert abs(trial.learned.gain.mean) < 0.01


def test_no_demand_is_learned_from_and_held_out_at_once() -> None:
    demands = np.random.default_rng(0).integers(0, 23, 200)
    folds = list(held_out(demands))
    assert (np.sum(folds, axis=0) == 1).all(), "each row is held out once"
    for held in folds:
        assert held.any()
        assert not set(demands[held]) & set(demands[~held])
    again = list(held_out(demands))
    assert all((a == b).all() for a, b in zip(folds, again, strict=True))


def test_too_few_demands_are_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="5 folds need as many demands, got 3"):
        try_out(simulated(TRUE, demands=3), IN_FORCE)
    with pytest.raises(ValueError, match="do not fit"):
        Judged(features=np.zeros((2, 3)), grades=np.zeros(2, int), demands=np.zeros(2, int))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    demands=st.integers(1, 12),
    truth=st.lists(st.floats(-20, 20), min_size=4, max_size=4),
    start=st.lists(st.floats(0, 8), min_size=4, max_size=4),
)
def test_scores_rise_in_every_feature_and_fall_in_hubness_whatever_was_judged(
    seed: int, demands: int, truth: list[float], start: list[float]
) -> None:
    """Also where verdicts say the contrary."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(demands * 6, 4))
    grades = np.where(features @ np.array(truth) + random.normal(size=len(features)) > 0, 3, 0)
    judged = Judged(features=features, grades=grades, demands=np.repeat(np.arange(demands), 6))
    before = Ranker(
        weights=Weights(**dict(zip(FEATURES, start, strict=True))),
        calibration=default_calibration("lsa"),
    )
    learned = learn(judged, before)
    for name in FEATURES:
        assert np.isfinite(learned.weights.of(name))
        assert learned.weights.of(name) * (-1 if name == "hubness" else 1) >= 0
    assert learned.calibration.slope >= 0
    at = dict.fromkeys(FEATURES, 0.1)
    for name in FEATURES:
        more = learned.probability(at | {name: 0.2})
        assert (
            more <= learned.probability(at)
            if name == "hubness"
            else more >= learned.probability(at)
        )


def test_probabilities_are_true_where_scores_are() -> None:
    judged = simulated(DEFAULT_WEIGHTS, demands=500, steepness=6.0)
    found = calibrate(judged, DEFAULT_WEIGHTS)
    assert found.slope == pytest.approx(6.0, rel=0.1)
    assert found.intercept == pytest.approx(0.0, abs=0.1)
    trial = try_out(judged, IN_FORCE)
    for outcome in (trial.learned, trial.recalibrated):
        assert outcome.reliability.expected_calibration_error < 0.03
        assert outcome.reliability.brier < outcome.reliability.brier_of_share
        assert outcome.brier_gain.low is not None
        assert outcome.brier_gain.low > 0, "the default intercept is far off here"
    true = Ranker(weights=DEFAULT_WEIGHTS, calibration=Calibration(slope=6.0, intercept=0.0))
    again = try_out(judged, true).recalibrated.brier_gain
    assert again.low is not None
    assert again.low <= 0, "what is true is not improved upon"


def test_reliability_by_hand() -> None:
    found = reliability(np.array([0.15, 0.15, 0.95, 1.0]), np.array([True, False, True, True]))
    assert (found.verdicts, found.suitable) == (4, 3)
    assert found.brier == pytest.approx((0.85**2 + 0.15**2 + 0.05**2) / 4)
    assert found.brier_of_share == pytest.approx(3 / 16)
    assert [(one.count, one.share_suitable) for one in found.bins] == [(2, 0.5), (2, 1.0)]
    assert found.expected_calibration_error == pytest.approx((2 * 0.35 + 2 * 0.025) / 4)


def test_intervals_of_few_demands_are_not_told() -> None:
    assert Estimate.of([0.5, 0.7]) == Estimate(mean=0.6, low=None, high=None)
