import pytest

from matching import Calibration, Confidence, Ranker, Weights, default_calibration


def test_a_probability_is_the_sigmoid_of_the_score_however_large_it_is() -> None:
    found = Calibration(slope=2.0, intercept=-1.0)
    assert found.probability(0.5) == 0.5
    assert found.probability(1.0) == pytest.approx(0.7310585786)
    assert found.probability(0.0) == pytest.approx(1 - 0.7310585786)
    assert (found.probability(1e6), found.probability(-1e6)) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("probability", "word"),
    [(0.0, "weak"), (0.33, "weak"), (1 / 3, "medium"), (0.66, "medium"), (2 / 3, "strong")],
)
def test_words(probability: float, word: str) -> None:
    assert Confidence.of(probability) == word


def test_preferences_say_nothing_of_suitability() -> None:
    ranker = Ranker(
        weights=Weights(lexical=4, topic=1, passage=2, hubness=0.5),
        calibration=Calibration(slope=1.0, intercept=0.0),
    )
    features = {"lexical": 0.1, "topic": 0.2, "passage": 0.3, "hubness": 0.4}
    expected = ranker.calibration.probability(0.4 + 0.2 + 0.6 - 0.2)
    assert ranker.probability(features) == pytest.approx(expected)
    assert ranker.probability(features | {"near": 1.0}) == ranker.probability(features)


def test_without_hubness_nothing_is_subtracted_and_more_is_needed() -> None:
    features = {"lexical": 0.1, "topic": 0.2, "passage": 0.3, "hubness": 0.4}
    found = []
    for shown in (features, {n: v for n, v in features.items() if n != "hubness"}):
        calibration = default_calibration("an encoder", shown)
        found.append(Ranker(weights=Weights(), calibration=calibration).probability(shown))
    assert found[0] == pytest.approx(found[1], abs=0.03)


def test_the_latent_space_has_a_calibration_of_its_own() -> None:
    assert default_calibration("lsa") == default_calibration("none")
    assert default_calibration("lsa") != default_calibration("an encoder")
