"""Tables made of arrays: nested, concatenated by runs of rows, flattened to names for a file.

A column is an array, a `Ragged` column (rows of differing length) or a frozen dataclass of columns.
A run is a half-open range of rows; whatever hangs below the rows of a run follows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Runs = Sequence[tuple[int, int]]
Values = TypeVar("Values")
Column = TypeVar("Column")


@dataclass(frozen=True, slots=True, eq=False)
class Ragged(Generic[Values]):
    """Row i owns `values[offsets[i]:offsets[i + 1]]`."""

    offsets: NDArray[np.int64]
    values: Values

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def bounds(self, row: int) -> tuple[int, int]:
        """Return the half-open range of values that `row` owns."""
        return int(self.offsets[row]), int(self.offsets[row + 1])


Strings = Ragged[NDArray[np.uint8]]


def offsets_of(lengths: Sequence[int]) -> NDArray[np.int64]:
    """Return the n + 1 offsets of rows with these lengths."""
    return np.cumsum([0, *lengths], dtype=np.int64)


def indices(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices in the half-open ranges, one range after the other.

    >>> indices(np.array([4, 0, 7]), np.array([6, 0, 8])).tolist()
    [4, 5, 7]
    """
    lengths = stops - starts
    before = np.cumsum(lengths) - lengths
    shifts: NDArray[np.int64] = np.repeat(starts - before, lengths)
    return np.arange(len(shifts)) + shifts


def strings(texts: Sequence[str]) -> Strings:
    """Pack texts as UTF-8."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    blob = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return Ragged(offsets_of([len(part) for part in encoded]), blob)


def string(column: Strings, row: int) -> str:
    """Unpack one text."""
    start, stop = column.bounds(row)
    return column.values[start:stop].tobytes().decode()


def runs_of(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def concatenate(parts: Sequence[tuple[Column, Runs]]) -> Column:
    """Concatenate the given runs of columns of one shape, with all that hangs below them."""
    first: Any = parts[0][0]
    if isinstance(first, np.ndarray):
        pieces = [cast(Array, column)[a:b] for column, runs in parts for a, b in runs]
        return cast(Column, np.concatenate(pieces) if pieces else first[:0])
    if isinstance(first, Ragged):
        return cast(Column, _concatenate_ragged(cast(Any, parts)))
    merged = {
        field.name: concatenate([(getattr(column, field.name), runs) for column, runs in parts])
        for field in fields(first)
    }
    return cast(Column, type(first)(**merged))


def flatten(column: object, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """Yield every array below `column` under its dotted name."""
    if isinstance(column, np.ndarray):
        yield prefix, column
        return
    for field in fields(cast(Any, column)):
        name = f"{prefix}.{field.name}" if prefix else field.name
        yield from flatten(getattr(column, field.name), name)


def unflatten(kind: type[Column], arrays: Mapping[str, Array], prefix: str = "") -> Column:
    """Rebuild a column of type `kind` from what `flatten` yielded; KeyError when one is missing."""
    origin = get_origin(kind) or kind
    if origin is np.ndarray:
        return cast(Column, arrays[prefix])
    if origin is Ragged:
        hints: dict[str, Any] = {"offsets": NDArray[np.int64], "values": get_args(kind)[0]}
    else:
        hints = get_type_hints(origin)
    built = {
        name: unflatten(hint, arrays, f"{prefix}.{name}" if prefix else name)
        for name, hint in hints.items()
    }
    return cast(Column, origin(**built))


def _concatenate_ragged(parts: Sequence[tuple[Ragged[Any], Runs]]) -> Ragged[Any]:
    lengths = [np.diff(column.offsets[a : b + 1]) for column, runs in parts for a, b in runs]
    joined = np.concatenate([np.zeros(1, dtype=np.int64), *lengths])
    below = [
        (column.values, [(int(column.offsets[a]), int(column.offsets[b])) for a, b in runs])
        for column, runs in parts
    ]
    return Ragged(np.cumsum(joined), concatenate(below))
