import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import Constraints, match
from matching.index import MatchIndex
from matching.reranking import reranked
from tests.matching.pools import DEMAND, FIELDS, experts

INDEX = MatchIndex.fit(experts())
PLAIN = match(DEMAND, INDEX)
BY_ID = {found.candidate_id: found for found in PLAIN.matches}

opinions = st.dictionaries(st.sampled_from(sorted(FIELDS)), st.floats(-50, 50))


@given(opinions, st.floats(0, 10), st.integers(1, 6))
def test_contributions_still_add_up_and_the_best_come_first(
    said: dict[str, float], weight: float, limit: int
) -> None:
    ranking = reranked(PLAIN, said, weight=weight, limit=limit)
    assert [found.rank for found in ranking.matches] == list(range(1, min(limit, 5) + 1))
    order = [(-found.score, found.candidate_id) for found in ranking.matches]
    assert order == sorted(order) or not said
    for found in ranking.matches:
        total = sum(contribution.value for contribution in found.contributions)
        assert total == pytest.approx(found.score, abs=1e-9)
        assert found.features.get("reranking") == said.get(found.candidate_id)
        plain = BY_ID[found.candidate_id].contributions
        assert found.contributions[: len(plain)] == plain


@given(opinions, st.floats(0, 10))
def test_what_is_added_is_nothing_on_average(said: dict[str, float], weight: float) -> None:
    ranking = reranked(PLAIN, said, weight=weight, limit=5)
    added = [c.value for m in ranking.matches for c in m.contributions if c.name == "reranking"]
    assert len(added) == len(said)
    assert sum(added) == pytest.approx(0, abs=1e-6)


def test_an_opinion_moves_a_candidate_up() -> None:
    last = PLAIN.matches[-1].candidate_id
    said = {name: float(name == last) for name in BY_ID}
    assert reranked(PLAIN, said, weight=10, limit=1).matches[0].candidate_id == last
    assert reranked(PLAIN, said, weight=0, limit=5).matches[0].candidate_id == "耐火"


def test_without_opinions_only_the_first_are_kept() -> None:
    assert reranked(PLAIN, {}, weight=1, limit=5) == PLAIN
    assert reranked(PLAIN, {}, weight=1, limit=2).matches == PLAIN.matches[:2]
    barred = Constraints(excluded={PLAIN.matches[3].candidate_id: "itself"})
    ranking = match(DEMAND, INDEX, constraints=barred)
    assert [one.rank for one in ranking.exclusions] == [4]
    assert reranked(ranking, {}, weight=1, limit=3).exclusions == ranking.exclusions


def test_a_candidate_s_texts() -> None:
    assert INDEX.texts_of("耐火") == [
        FIELDS["耐火"].replace("；", ";"),
        "隔热耐火砖的制备与窑炉应用",
    ]
    with pytest.raises(KeyError):
        INDEX.texts_of("没有")
