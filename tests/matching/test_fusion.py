import numpy as np
import pytest

from matching.fusion import mean_of, neutral


def test_the_unknown_counts_as_average() -> None:
    known = np.array([True, False, True])
    values = np.array([0.2, 9.0, 0.4])
    mean = mean_of(values, known)
    assert neutral(values, known, mean).values == pytest.approx([0.2, 0.3, 0.4])
    assert mean_of(values, np.zeros(3, dtype=np.bool_)) == 0
