import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matching.columns import (
    Strings,
    concatenate,
    flatten,
    runs_of,
    string,
    strings,
    unflatten,
)


def all_strings(column: Strings) -> list[str]:
    return [string(column, row) for row in range(len(column))]


TEXTS = st.lists(st.text(max_size=5).filter(lambda text: "\ud800" not in text), max_size=8)


@given(TEXTS)
def test_strings_come_back(texts: list[str]) -> None:
    column = strings(texts)
    assert all_strings(column) == texts


@given(st.lists(st.booleans()))
def test_runs_hold_exactly_what_is_true(flags: list[bool]) -> None:
    runs = runs_of(np.array(flags, dtype=bool))
    rows = [row for start, stop in runs for row in range(start, stop)]
    assert rows == [row for row, flag in enumerate(flags) if flag]


@given(TEXTS, TEXTS, st.data())
def test_concatenation_keeps_the_chosen_rows(
    first: list[str], second: list[str], data: st.DataObject
) -> None:
    parts, kept = [], []
    for texts in (first, second):
        mask = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
        parts.append((strings(texts), runs_of(np.array(mask, dtype=bool))))
        kept += [text for text, stays in zip(texts, mask, strict=True) if stays]
    assert all_strings(concatenate(parts)) == kept


def test_flat_names_lead_back() -> None:
    column = strings(["甲", "", "乙"])
    arrays = dict(flatten(column, "ids"))
    assert set(arrays) == {"ids.offsets", "ids.values"}
    assert all_strings(unflatten(Strings, arrays, "ids")) == ["甲", "", "乙"]
