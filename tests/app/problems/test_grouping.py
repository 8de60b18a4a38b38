"""Groups of like demands: what holds for all of them, and the cases that are easy to get wrong."""

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.problems.grouping import Pair, group

NAMES = "abcdefgh"
DEMANDS = st.fixed_dictionaries({name: st.sampled_from("123") for name in NAMES})
LIKENESS = st.dictionaries(
    st.sampled_from(list(combinations(NAMES, 2))),
    st.sampled_from([0.1, 0.3, 0.31, 0.5, 0.9]),
)


def pairs(found: dict[tuple[str, str], float]) -> list[Pair]:
    return [Pair(first=a, second=b, similarity=s) for (a, b), s in found.items()]


def grouped(found: dict[str, float], enterprises: str, **options: float) -> list[str]:
    """Groups by their letters, of pairs by theirs; enterprises of a, b, c … one digit each."""
    known = pairs({(pair[0], pair[1]): s for pair, s in found.items()})
    whose = dict(zip(NAMES, enterprises, strict=False))
    return ["".join(sorted(found)) for found in group(known, whose, **options)]  # type: ignore[arg-type]


@given(DEMANDS, LIKENESS, st.integers(2, 5), st.randoms(use_true_random=False))
def test_groups_are_disjoint_alike_shared_and_bounded(
    enterprises: dict[str, str],
    likeness: dict[tuple[str, str], float],
    largest: int,
    order: random.Random,
) -> None:
    known = pairs(likeness)
    groups = group(known, enterprises, threshold=0.3, largest=largest)
    shuffled = order.sample(known, len(known))
    assert group(shuffled, enterprises, threshold=0.3, largest=largest) == groups
    members = [demand for found in groups for demand in found]
    assert len(members) == len(set(members))
    for found in groups:
        assert 2 <= len(found) <= largest
        assert len({enterprises[demand] for demand in found}) > 1
        for pair in combinations(sorted(found), 2):
            assert likeness.get(pair, 0) >= 0.3, "any two are alike"


@given(DEMANDS, LIKENESS)
def test_nothing_more_can_be_put_together(
    enterprises: dict[str, str], likeness: dict[tuple[str, str], float]
) -> None:
    """No two groups are alike through and through, and no like pair is left out of all groups."""
    groups = group(pairs(likeness), enterprises, threshold=0.3)

    def are_alike(one: frozenset[str], two: frozenset[str]) -> bool:
        between = [tuple(sorted((a, b))) for a in one for b in two]
        return all(likeness.get((a, b), 0) >= 0.3 for a, b in between)

    for one, two in combinations(groups, 2):
        assert not are_alike(one, two)
    placed = {demand for found in groups for demand in found}
    for (a, b), similarity in likeness.items():
        if similarity >= 0.3 and enterprises[a] != enterprises[b]:
            assert a in placed or b in placed, "a like pair of two enterprises is never lost"


def test_groups_do_not_chain() -> None:
    """a is like b and b like c, but a is not like c."""
    assert grouped({"ab": 0.9, "bc": 0.8}, "123") == ["ab"]
    assert grouped({"ab": 0.9, "bc": 0.8, "ac": 0.4}, "123") == ["abc"]


def test_a_second_demand_of_an_enterprise_keeps_nobody_out() -> None:
    """Its two are the most alike of all, but only one of them is like another enterprise's."""
    assert grouped({"ab": 0.9, "bc": 0.4}, "112") == ["bc"]
    assert grouped({"ab": 0.9, "bc": 0.4, "ac": 0.4}, "112") == ["abc"]


def test_one_enterprise_is_no_group() -> None:
    assert grouped({"ab": 0.9}, "11") == []


def test_the_threshold_belongs_to_it() -> None:
    assert grouped({"ab": 0.5}, "12", threshold=0.5) == ["ab"]
    assert grouped({"ab": 0.49}, "12", threshold=0.5) == []


def test_what_is_too_large_is_divided() -> None:
    everything = {a + b: 0.9 for a, b in combinations("abcd", 2)}
    assert grouped(everything, "1234", largest=3) == ["abc"]


def test_a_pair_is_in_order() -> None:
    with pytest.raises(ValueError, match="'b' and 'a'"):
        Pair(first="b", second="a", similarity=1)
