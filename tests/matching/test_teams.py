from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.index import MatchIndex
from matching.teams import Aspect, Team, aspects_of, cover, propose_team
from matching.types import Concept, Query
from tests.matching.pools import DEMAND, candidate, experts

INDEX = MatchIndex.fit(experts())
NAMES = [one.candidate_id for one in experts()]
WORDS = [
    "耐火材料",
    "窑炉",
    "茶园病虫害",
    "脑机接口芯片",
    "CMOS",
    "电解液",
    "红外图像融合",
    "量子",
    "！",
]
aspects = st.lists(
    st.builds(Aspect, text=st.sampled_from(WORDS), weight=st.integers(1, 3)),
    min_size=1,
    unique_by=lambda aspect: aspect.text,
)
orders = st.permutations(NAMES)


def team(asked: list[Aspect], order: list[str], size: int = 5) -> Team:
    return propose_team(cover(asked, INDEX, order), size=size)


def both(*texts: str) -> list[Aspect]:
    return [Aspect(text=text, weight=3) for text in texts]


def test_who_together_cover_what_nobody_covers_alone() -> None:
    found = team(both("耐火材料", "茶园病虫害", "量子"), NAMES)
    assert [member.candidate_id for member in found.members] == ["耐火", "茶"]
    assert [[c.aspect for c in member.covers] for member in found.members] == [
        ["耐火材料"],
        ["茶园病虫害"],
    ]
    assert found.uncovered == ("量子",)
    assert found.coverage == pytest.approx(2 / 3)


def test_the_document_that_shows_it_is_named() -> None:
    [member] = team(both("红外图像融合"), ["视觉"]).members
    assert [(c.document_id, c.share) for c in member.covers] == [("视觉/1", 1.0)]


def test_the_first_who_covers_anything_leads() -> None:
    wanted = both("耐火材料", "红外图像融合")
    assert team(wanted, ["茶", "视觉", "耐火"]).members[0].candidate_id == "视觉"
    assert team(wanted, ["茶", "耐火", "视觉"]).members[0].candidate_id == "耐火"


def test_nobody_comes_who_adds_nothing() -> None:
    pool = MatchIndex.fit([candidate(name, "锦纶染色与热定型") for name in ("甲", "乙", "丙")])
    found = propose_team(cover(both("锦纶染色"), pool, ["甲", "乙", "丙"]), size=3)
    assert [(m.candidate_id, m.rank) for m in found.members] == [("甲", 1)]


def test_what_nobody_covers_makes_no_team() -> None:
    found = team(both("量子"), NAMES)
    assert (found.members, found.uncovered, found.coverage) == ((), ("量子",), 0)


@given(aspects, orders, st.integers(1, 4))
def test_gains_add_up_and_no_one_alone_covers_more(
    asked: list[Aspect], order: list[str], size: int
) -> None:
    coverage = cover(asked, INDEX, order)
    found = propose_team(coverage, size=size)
    assert sum(member.gain for member in found.members) == pytest.approx(found.coverage)
    assert all(member.gain > 0 for member in found.members)
    assert len(found.members) <= size
    bound = {c.aspect for member in found.members for c in member.covers}
    assert bound | set(found.uncovered) == {aspect.text for aspect in asked}


@given(aspects, orders, st.integers(1, 4))
def test_with_the_chief_given_it_is_near_the_best_team(
    asked: list[Aspect], order: list[str], size: int
) -> None:
    """Of those who come beside the chief, at least 1 − 1/e of what any others could add."""
    coverage = cover(asked, INDEX, order)
    found = propose_team(coverage, size=size)
    if not found.members:
        assert coverage.worth.max() == 0
        return
    chief = found.members[0].rank - 1
    others = [place for place in range(len(order)) if place != chief]
    led = coverage.worth[chief]
    best = max(
        (
            np.maximum(coverage.worth[list(chosen)].max(axis=0, initial=0), led).sum()
            for chosen in combinations(others, size - 1)
        ),
        default=led.sum(),
    )
    added, addable = found.coverage - led.sum(), best - led.sum()
    assert added >= (1 - 1 / np.e) * addable - 1e-9


@given(aspects, orders)
def test_a_larger_team_covers_no_less(asked: list[Aspect], order: list[str]) -> None:
    found = [team(asked, order, size).coverage for size in (1, 2, 3, 4)]
    assert found == sorted(found)


def test_must_haves_come_first_and_deleted_concepts_not_at_all() -> None:
    query = Query(
        title="耐火材料",
        keywords=("窑炉",),
        concepts=(
            Concept(text="碳复合", weight=2),
            Concept(text="衬里", is_must_have=True),
            Concept(text="配方", weight=0),
        ),
    )
    assert [(a.text, a.weight) for a in aspects_of(query, INDEX.model)] == [
        ("窑炉", 3),
        ("衬里", 3),
        ("碳复合", 2),
    ]


def test_of_a_text_without_must_haves_its_terms_are_asked_for() -> None:
    found = aspects_of(Query(title=DEMAND.title, problem=DEMAND.problem), INDEX.model)
    assert any("耐火材料" in aspect.text for aspect in found)
    assert len(found) > 1


def test_bad_sizes_and_strangers_are_told() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        team(both("窑炉"), NAMES, size=0)
    with pytest.raises(ValueError, match="at least one, got 0"):
        team([], NAMES)
    with pytest.raises(KeyError, match="nobody"):
        cover(both("窑炉"), INDEX, ["nobody"])


def test_the_first_are_told_beside_the_team() -> None:
    coverage = cover(both("耐火材料", "茶园病虫害"), INDEX, ["耐火", "视觉", "茶"])
    assert [coverage.of_first(count) for count in (0, 1, 2, 3)] == [0, 0.5, 0.5, 1]
