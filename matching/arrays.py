"""The arrays that many modules hand each other, and how one finds keys in another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Keys = NDArray[np.uint64]  # hashes of terms or ids
Rowset = NDArray[np.int64]


def positions(sorted_keys: Keys, keys: Keys) -> NDArray[np.int64]:
    """Return where each of `keys` stands in `sorted_keys`, −1 where it does not."""
    if not len(sorted_keys):
        return np.full(len(keys), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    at[sorted_keys[at] != keys] = -1
    return at
