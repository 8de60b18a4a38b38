"""The loops that numpy cannot express, compiled by numba and free of the interpreter's lock.

Compiled code is cached on disk where that is possible; `warm_up` compiles or loads all of it, so
that the first match of a process is not the slow one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile on first use; without a writable cache directory compile in every process."""
    try:
        return cast(Function, numba.njit(cache=True, nogil=True, fastmath=True)(function))
    except RuntimeError:
        return cast(Function, numba.njit(nogil=True, fastmath=True)(function))


@compiled
def add_postings(
    scores: NDArray[np.float32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    query_weights: NDArray[np.float32],
    rows: NDArray[np.uint32],
    weights: NDArray[np.float32],
) -> None:
    """Add query weight × posting weight to the score of every row in the given postings.

    Unsigned rows and slices spare the loop a check for negative indices, a third of its time.
    """
    for term in range(len(starts)):
        factor = query_weights[term]
        some_rows = rows[starts[term] : stops[term]]
        some_weights = weights[starts[term] : stops[term]]
        for i in range(len(some_rows)):
            scores[some_rows[i]] += factor * some_weights[i]


@compiled
def kth_largest(scores: NDArray[np.float32], k: int) -> float:
    """Return the k-th largest of `scores`, k ≤ n, by a heap of k values behind a look at blocks."""
    heap = np.sort(scores[:k])  # ascending, so already a heap
    size = len(scores)
    for block in range(k, size, 64):
        stop = min(block + 64, size)
        highest = scores[block]
        for i in range(block, stop):
            highest = max(highest, scores[i])
        if highest <= heap[0]:
            continue
        for i in range(block, stop):
            if scores[i] > heap[0]:
                _replace_least(heap, scores[i])
    return float(heap[0])


@compiled
def _replace_least(heap: NDArray[np.float32], value: np.float32) -> None:
    """Put `value` in the place of the least in a binary heap, and let it sink."""
    at, size = 0, len(heap)
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value


@compiled
def scan_terms(
    points: NDArray[np.uint32],
    is_cjk: NDArray[np.bool_],
    words: NDArray[np.uint64],
    words_at: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Collect CJK characters and bigrams and the given words, in order, with the bounds

    of the texts that begin at `starts` (the last of which is the end). Texts are separated by a
    code point that is not CJK.
    """
    keys = np.empty(2 * len(points), dtype=np.uint64)
    bounds = np.zeros(len(starts), dtype=np.int64)
    size, word = 0, 0
    for text in range(len(starts) - 1):
        for i in range(starts[text], min(starts[text + 1], len(points))):
            if word < len(words) and words_at[word] == i:
                keys[size] = words[word]
                size, word = size + 1, word + 1
            if not is_cjk[points[i]]:
                continue
            keys[size] = np.uint64(points[i])
            size += 1
            if i + 1 < len(points) and is_cjk[points[i + 1]]:
                keys[size] = (np.uint64(points[i]) << np.uint64(21)) | np.uint64(points[i + 1])
                size += 1
        bounds[text + 1] = size
    return keys[:size].copy(), bounds


@compiled
def group_entries(
    positions: NDArray[np.int64], offsets: NDArray[np.int64], terms: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]:
    """Sort the entries of sparse rows by term: offsets of terms, owners and places of entries."""
    bounds = np.zeros(terms + 1, dtype=np.int64)
    for i in range(len(positions)):
        bounds[positions[i] + 1] += 1
    bounds = np.cumsum(bounds)
    at = bounds[:-1].copy()
    owners = np.empty(len(positions), dtype=np.uint32)
    places = np.empty(len(positions), dtype=np.int64)
    for row in range(len(offsets) - 1):
        for i in range(offsets[row], offsets[row + 1]):
            target = at[positions[i]]
            owners[target] = row
            places[target] = i
            at[positions[i]] = target + 1
    return bounds, owners, places


@compiled
def count_runs(
    keys: NDArray[np.uint64], bounds: NDArray[np.int64], counts: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Sort each row of `keys` in place, keep distinct keys with their counts; return new bounds."""
    kept = np.zeros(len(bounds), dtype=np.int64)
    at = 0
    for row in range(len(bounds) - 1):
        part = np.sort(keys[bounds[row] : bounds[row + 1]])
        for i in range(len(part)):
            if i > 0 and part[i] == part[i - 1]:
                counts[at - 1] += 1
            else:
                keys[at] = part[i]
                counts[at] = 1
                at += 1
        kept[row + 1] = at
    return kept


@compiled
def dot_rows(
    codes: NDArray[np.int8], scales: NDArray[np.float32], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the dot product of `query` with every row of a quantised matrix."""
    result = np.empty(len(codes), dtype=np.float32)
    for row in range(len(codes)):
        total = np.float32(0)
        for i in range(len(query)):
            total += np.float32(codes[row, i]) * query[i]
        result[row] = total * scales[row]
    return result


@compiled
def dot_chosen(
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    query: NDArray[np.float32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the dot products of `query` with the rows of the given ranges, one after the other."""
    size = 0
    for i in range(len(starts)):
        size += stops[i] - starts[i]
    result = np.empty(size, dtype=np.float32)
    at = 0
    for i in range(len(starts)):
        for row in range(starts[i], stops[i]):
            total = np.float32(0)
            for j in range(len(query)):
                total += np.float32(codes[row, j]) * query[j]
            result[at] = total * scales[row]
            at += 1
    return result


@compiled
def project_rows(
    positions: NDArray[np.int64],
    weights: NDArray[np.float32],
    bounds: NDArray[np.int64],
    basis: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return sparse rows × `basis`; entries at position −1 are outside the basis."""
    result = np.zeros((len(bounds) - 1, basis.shape[1]), dtype=np.float32)
    for row in range(len(bounds) - 1):
        for i in range(bounds[row], bounds[row + 1]):
            if positions[i] >= 0:
                for j in range(basis.shape[1]):
                    result[row, j] += weights[i] * basis[positions[i], j]
    return result


def warm_up() -> None:
    """Compile every kernel, or load it from the cache, with the argument types of real use.

    What belongs to an index is read-only there, and so it is here.
    """
    floats, frozen = np.ones(1, dtype=np.float32), _read_only(np.ones(1, dtype=np.float32))
    bounds = np.array([0, 1], dtype=np.int64)
    codes = _read_only(np.ones((1, 1), dtype=np.int8))
    row = _read_only(np.zeros(1, dtype=np.uint32))
    add_postings(floats.copy(), bounds[:1], bounds[1:], floats, row, frozen)
    kth_largest(floats, 1)
    key = np.ones(1, dtype=np.uint64)
    count_runs(key.copy(), bounds, floats.copy())
    points = _read_only(np.ones(1, dtype=np.uint32))
    scan_terms(points, np.ones(2, dtype=np.bool_), key, bounds[:1], bounds)
    group_entries(bounds[:1], bounds, 1)
    dot_rows(codes, frozen, floats)
    dot_chosen(codes, frozen, floats, bounds[:1], bounds[1:])
    project_rows(bounds[:1], floats, bounds, _read_only(np.ones((1, 1), dtype=np.float32)))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
