"""Requests and files that are almost right: drawn by hypothesis from right ones."""

import copy
import json
import random
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

Drawn = TypeVar("Drawn")

FIXED_SEED = 20_261_126
MAX_BYTES = 500_000

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63, 2**64, -(2**63) - 1, 10**400]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["\0", "\ud800", "\u202e", "x" * 10_000, "٣", "9999-12-31", "24:00", "😀" * 300]
    ),
    st.uuids().map(str),
    st.datetimes().map(str),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def new_seed() -> int:
    return random.randrange(2**32)


def drawn(strategy: st.SearchStrategy[Drawn], count: int, seed: int) -> list[Drawn]:
    """So many examples, the same ones for the same seed."""
    found: list[Drawn] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def gather(example: Drawn) -> None:
        found.append(example)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gather()
    return found


@st.composite
def bodies(draw: st.DrawFn, example: Any) -> bytes:
    """The example with a few faults, as JSON or what was meant to be."""
    body = copy.deepcopy(example)
    for _ in range(draw(st.integers(1, 3))):
        body = _spoilt(draw, body)
    return draw(damaged(json.dumps(body).encode()[:MAX_BYTES]))


def _spoilt(draw: st.DrawFn, value: Any) -> Any:
    """One place of it, somewhere inside, is another."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 5)):
            del value[key]
        elif not draw(st.integers(0, 5)):
            value[draw(st.text(max_size=12))] = draw(VALUES)
        else:
            value[key] = _spoilt(draw, value[key])
        return value
    if isinstance(value, list) and value and draw(st.integers(0, 2)):
        at = draw(st.integers(0, len(value) - 1))
        value[at] = _spoilt(draw, value[at])
        # Not of what has been multiplied before: a few times over, that is gigabytes.
        return value * draw(st.sampled_from([1, 1, 1, 2, 20])) if len(value) < 5 else value
    return draw(VALUES)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Mostly whole; else cut off, with other bytes in it, or nothing of it."""
    damage: Callable[[bytearray], bytearray] = draw(
        st.sampled_from([bytearray] * 4 + [_cut(draw), _overwritten(draw), _replaced(draw)])
    )
    return bytes(damage(bytearray(content)))


def _cut(draw: st.DrawFn) -> Callable[[bytearray], bytearray]:
    return lambda content: content[: draw(st.integers(0, len(content)))]


def _overwritten(draw: st.DrawFn) -> Callable[[bytearray], bytearray]:
    def overwrite(content: bytearray) -> bytearray:
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, max(0, len(content) - 1)))
            content[at : at + 1] = draw(st.binary(min_size=1, max_size=3))
        return content

    return overwrite


def _replaced(draw: st.DrawFn) -> Callable[[bytearray], bytearray]:
    return lambda _: bytearray(draw(st.binary(max_size=200)))
