import numpy as np
import pytest

from matching.weights import Weights

WEIGHTS = Weights(lexical=3, topic=1, passage=2, hubness=0.5)


def test_scores_are_weighted_sums() -> None:
    features = {
        "lexical": np.array([0.1, 0.2]),
        "topic": np.array([0.5, -0.5]),
        "passage": np.array([0.0, 1.0]),
        "hubness": np.array([1.0, 2.0]),
    }
    assert WEIGHTS.fused(features) == pytest.approx([0.3, 1.1])
    second = {name: float(values[1]) for name, values in features.items()}
    assert WEIGHTS.fused(second) == pytest.approx(1.1)


def test_what_is_no_feature_counts_nothing_and_what_is_not_measured_neither() -> None:
    assert WEIGHTS.fused({"topic": 0.5, "near": 9.0, "reranking": 9.0}) == pytest.approx(0.5)


def test_sums_keep_their_precision() -> None:
    single = np.array([0.1, 0.2], dtype=np.float32)
    assert WEIGHTS.fused({"lexical": single, "hubness": single}).dtype == np.float32


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_is_checked(decay: float) -> None:
    with pytest.raises(ValueError, match=str(decay)):
        Weights(decay=decay)
