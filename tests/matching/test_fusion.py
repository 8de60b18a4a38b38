import numpy as np
import pytest

from matching.fusion import Feature, fuse, mean_of, neutral
from matching.weights import Weights


def test_scores_are_weighted_sums() -> None:
    features = {
        "lexical": Feature(np.array([0.1, 0.2]), 0.0),
        "topic": Feature(np.array([0.5, -0.5]), 0.0),
        "passage": Feature(np.array([0.0, 1.0]), 0.0),
        "hubness": Feature(np.array([1.0, 2.0]), 0.0),
    }
    weights = Weights(lexical=3, topic=1, passage=2, hubness=0.5)
    assert fuse(features, weights) == pytest.approx([0.3, 1.1])


def test_the_unknown_counts_as_average() -> None:
    known = np.array([True, False, True])
    values = np.array([0.2, 9.0, 0.4])
    mean = mean_of(values, known)
    assert neutral(values, known, mean).values == pytest.approx([0.2, 0.3, 0.4])
    assert mean_of(values, np.zeros(3, dtype=np.bool_)) == 0


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_is_checked(decay: float) -> None:
    with pytest.raises(ValueError, match=str(decay)):
        Weights(decay=decay)
