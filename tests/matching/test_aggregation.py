import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.aggregation import decayed_parts


def total(cosines: list[float], decay: float) -> float:
    owners = np.zeros(len(cosines), dtype=np.int64)
    return float(decayed_parts(owners, np.array(cosines, dtype=np.float32), decay).sum())


def test_without_decay_the_best_passage_counts() -> None:
    assert total([0.2, 0.5, 0.4], 0.0) == pytest.approx(0.5)
    assert total([-0.3, -0.2], 0.0) == pytest.approx(-0.2)


def test_depth_by_hand() -> None:
    assert total([0.4, 1.0, -0.5], 0.7) == pytest.approx(0.3 * (1.0 + 0.7 * 0.4))


def test_each_owner_has_its_own_ranks() -> None:
    owners = np.array([0, 0, 1, 1])
    parts = decayed_parts(owners, np.array([0.1, 0.9, 0.8, 0.2], dtype=np.float32), 0.5)
    assert parts == pytest.approx([0.025, 0.45, 0.4, 0.05])


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=12),
    st.floats(-1, 1, width=32),
    st.floats(0, 0.9),
)
def test_another_document_never_hurts(cosines: list[float], more: float, decay: float) -> None:
    assert total([*cosines, more], decay) >= total(cosines, decay) - 1e-6
