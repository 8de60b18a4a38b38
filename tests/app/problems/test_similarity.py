"""How alike two demands are by what each, as a query, says of the other."""

import pytest

from app.problems.grouping import Pair
from app.problems.similarity import Look, pairs_of


def test_a_pair_is_as_alike_as_both_directions_say_in_the_mean() -> None:
    found = {"b": {"a": Look(0.5, ("废水",))}, "a": {"b": Look(0.3, ("氨氮",))}}
    assert pairs_of(found) == [Pair(first="a", second="b", similarity=0.4, terms=("氨氮",))]


@pytest.mark.parametrize(("way", "is_found"), [(0.31, False), (0.59, False), (0.6, True)])
def test_a_direction_that_says_nothing_is_no_agreement(way: float, is_found: bool) -> None:
    for found in ({"a": {"b": Look(way, ())}, "b": {}}, {"a": {}, "b": {"a": Look(way, ())}}):
        assert [pair.similarity for pair in pairs_of(found)] == [way / 2] * is_found
