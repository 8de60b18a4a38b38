from collections.abc import Callable

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.kernels import compiled, count_runs, kth_largest


@given(st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=400), st.data())
def test_kth_largest(values: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    assert kth_largest(np.array(values, dtype=np.float32), k) == sorted(values, reverse=True)[k - 1]


@given(st.lists(st.lists(st.integers(0, 5), max_size=9), max_size=6))
def test_count_runs(rows: list[list[int]]) -> None:
    keys = np.array([key for row in rows for key in row], dtype=np.uint64)
    bounds = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    counts = np.empty(len(keys), dtype=np.float32)
    offsets = count_runs(keys, bounds, counts)
    for place, row in enumerate(rows):
        part = slice(offsets[place], offsets[place + 1])
        assert keys[part].tolist() == sorted(set(row))
        assert counts[part].tolist() == [row.count(key) for key in sorted(set(row))]


def test_without_a_cache_directory_code_is_still_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., object] = numba.njit

    def refuse(**options: bool) -> object:
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", refuse)
    assert compiled(lambda x: x + 1)(1) == 2
