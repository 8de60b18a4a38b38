from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.embeddings import encoded_queries, text_key
from matching.index import MatchIndex
from matching.matcher import match
from matching.types import Constraints, Facts, Preferences, Query
from matching.weights import Weights
from tests.matching.pools import DEMAND, FIELDS, CharacterEncoder, candidate, experts

ENCODER = CharacterEncoder()
ENCODED = MatchIndex.fit(experts(), ENCODER)
LATENT = MatchIndex.fit(experts())
INDEXES = {"encoded": (ENCODED, ENCODER), "latent": (LATENT, None)}

words = st.sampled_from(["耐火材料", "茶叶", "红外图像", "CMOS", "电解液", "雷达", " ", "，"])
weights = st.builds(
    Weights,
    lexical=st.floats(0, 5),
    topic=st.floats(0, 2),
    passage=st.floats(0, 2),
    decay=st.floats(0, 0.9),
)


@pytest.mark.parametrize("name", INDEXES)
@given(st.lists(words, max_size=6), weights, st.floats(0, 1), st.floats(0, 1))
def test_contributions_always_add_up(
    name: str, parts: list[str], chosen: Weights, near: float, graded: float
) -> None:
    index, encoder = INDEXES[name]
    ranking = match(
        Query(title="".join(parts), keywords=tuple(parts)),
        index.updated([candidate("新", "耐火材料", "茶叶")]),
        encoder=encoder,
        preferences=Preferences(region="330000", near=near, graded=graded),
        weights=chosen,
    )
    assert len(ranking.matches) == 6
    for found in ranking.matches:
        total = sum(contribution.value for contribution in found.contributions)
        assert total == pytest.approx(found.score, abs=1e-6)
        assert [c.name for c in found.contributions].count("baseline") == 1
    scores = [(-found.score, found.candidate_id) for found in ranking.matches]
    assert all(a[0] <= b[0] + 1e-9 for a, b in pairwise(scores))
    assert [found.rank for found in ranking.matches] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", INDEXES)
def test_the_expert_of_the_field_comes_first_with_reasons(name: str) -> None:
    index, encoder = INDEXES[name]
    best = match(DEMAND, index, encoder=encoder).matches[0]
    assert best.candidate_id == "耐火"
    assert "耐火材料" in "".join(best.terms)
    assert best.evidence[0].document_id == "耐火/0"
    assert best.uncovered_keywords == ("红外图像融合",)
    lexical = [c for c in best.contributions if c.name == "lexical"]
    assert {c.document_id for c in lexical} == {"耐火/0", "耐火/1"}
    assert all(c.value > 0 for c in lexical)


def test_the_baseline_is_what_the_average_candidate_gets() -> None:
    matches = match(DEMAND, LATENT).matches
    baseline = matches[0].contributions[0]
    assert baseline.name == "baseline"
    assert np.mean([m.score for m in matches]) == pytest.approx(baseline.value, abs=1e-6)
    assert min(c.value for c in matches[-1].contributions[1:]) < 0


def test_features_are_raw_values() -> None:
    best = match(DEMAND, LATENT).matches[0]
    assert set(best.features) == {"lexical", "topic", "passage"}  # few have asked: no hubs
    total = 4 * best.features["lexical"] + best.features["topic"] + best.features["passage"]
    assert total == pytest.approx(best.score)


def test_ties_are_broken_by_id_and_repeats_are_alike() -> None:
    index = MatchIndex.fit([candidate(name, "茶叶加工") for name in "cab"])
    first, second = match(DEMAND, index), match(DEMAND, index)
    assert [m.candidate_id for m in first.matches] == ["a", "b", "c"]
    assert first.matches == second.matches


def test_exclusions_name_who_would_have_been_in_the_list() -> None:
    constraints = Constraints(excluded={"耐火": "拒绝过", "茶": "停用", "查无此人": "?"})
    ranking = match(DEMAND, LATENT, constraints=constraints, limit=2)
    assert len(ranking.matches) == 2
    assert ranking.matches[0].rank == 1
    first = ranking.exclusions[0]
    assert (first.candidate_id, first.rank, first.reason) == ("耐火", 1, "excluded")
    assert first.detail == "拒绝过"
    assert {"耐火", "茶"}.isdisjoint(m.candidate_id for m in ranking.matches)
    assert all(exclusion.rank <= 2 for exclusion in ranking.exclusions)


def test_constraints_reach_past_the_first_thousand() -> None:
    beijing = Facts(region="110000")
    pool = [candidate(f"{i:04d}", "耐火材料 窑炉", facts=beijing) for i in range(1500)]
    pool.append(candidate("浙江", "茶叶", facts=Facts(region="330106")))
    index = MatchIndex.build(LATENT.model, pool)
    ranking = match(DEMAND, index, constraints=Constraints(regions=("330000",)), limit=5)
    assert [m.candidate_id for m in ranking.matches] == ["浙江"]
    assert [e.rank for e in ranking.exclusions] == [1, 2, 3, 4, 5]
    assert ranking.exclusions[0].detail == "110000"


def test_preferences_are_contributions_of_their_own() -> None:
    facts = Facts(region="330106")
    index = LATENT.updated([candidate("近", FIELDS["耐火"], facts=facts)])
    plain = {m.candidate_id: m for m in match(DEMAND, index).matches}
    preferences = Preferences(region="330109", near=0.3, graded=0.2)
    found = {m.candidate_id: m for m in match(DEMAND, index, preferences=preferences).matches}
    named = {c.name: c.value for c in found["近"].contributions}
    assert named["near"] == pytest.approx(0.3 * 2 / 3)
    assert named["graded"] == 0.0
    assert found["近"].score == pytest.approx(plain["近"].score + 0.2)
    assert "near" not in {c.name for c in plain["近"].contributions}


def test_graded_evidence_counts_by_the_document_of_the_best_passage() -> None:
    query, preferences = Query(title="红外图像融合算法"), Preferences(graded=1.0)
    best = match(query, ENCODED, encoder=ENCODER, preferences=preferences).matches[0]
    assert best.candidate_id == "视觉"
    assert {c.name: c.value for c in best.contributions}["graded"] == 0.5
    assert best.evidence[0].grade == "documented"


def test_without_vector_or_encoder_only_words_speak() -> None:
    ranking = match(DEMAND, ENCODED)
    assert ranking.encoder == "none"
    assert ranking.matches[0].candidate_id == "耐火"
    assert {c.value for m in ranking.matches for c in m.contributions if c.name == "topic"} == {0.0}


def test_weights_may_hang_on_what_is_compared() -> None:
    asked = []

    def words_alone(encoder: str, measured: tuple[str, ...]) -> Weights:
        asked.append((encoder, measured))
        return Weights(topic=0, passage=0)

    for encoder in (None, ENCODER):
        ranking = match(DEMAND, ENCODED, encoder=encoder, weights=words_alone)
        expected = match(DEMAND, ENCODED, encoder=encoder, weights=Weights(topic=0, passage=0))
        assert ranking.matches == expected.matches
        assert asked.pop() == (ranking.encoder, ranking.measured)
        assert set(ranking.measured) == ranking.matches[0].features.keys()


def test_a_vector_is_as_good_as_the_encoder() -> None:
    vectors = encoded_queries(ENCODER, DEMAND.texts_to_encode)
    by_vector = match(DEMAND, ENCODED, query_vectors=vectors)
    assert by_vector.matches == match(DEMAND, ENCODED, encoder=ENCODER).matches
    assert by_vector.encoder == ENCODER.name


def test_passages_are_compared_with_the_title_too() -> None:
    """Which a vector of the whole text alone does not tell."""
    demand = Query(title="茶叶", problem="耐火材料，高温窑炉，隔热耐火材料的研制与窑炉衬里")
    vectors = encoded_queries(ENCODER, demand.texts_to_encode)
    whole_alone = {text_key(demand.text): vectors[text_key(demand.text)]}
    both, whole = (
        next(m for m in match(demand, ENCODED, query_vectors=v).matches if m.candidate_id == "茶")
        for v in (vectors, whole_alone)
    )
    assert both.features["passage"] > whole.features["passage"] + 0.1
    assert both.features["topic"] == whole.features["topic"]


def test_depth_rewards_volume() -> None:
    pool = [candidate("一", "耐火材料"), candidate("三", "耐火材料", "耐火材料", "耐火材料")]
    index = MatchIndex.build(LATENT.model, pool)
    best = match(DEMAND, index, weights=Weights(lexical=0, topic=0, decay=0.7)).matches[0]
    assert best.candidate_id == "三"
    assert len([c for c in best.contributions if c.name == "passage"]) == 3


def test_other_pools_are_served_alike() -> None:
    demands = [candidate("d1", "耐火砖寿命短"), candidate("d2", "茶叶杀青温度控制")]
    profile = Query(title=FIELDS["茶"])
    assert match(profile, MatchIndex.fit(demands)).matches[0].candidate_id == "d2"


def test_the_ranking_says_where_it_comes_from() -> None:
    ranking = match(DEMAND, LATENT, constraints=Constraints(on=date(2026, 1, 1)))
    assert ranking.index_version == LATENT.version
    assert ranking.encoder == "lsa"
    assert list(ranking.durations) == [
        "query",
        "retrieval",
        "aggregation",
        "fusion",
        "constraints",
        "explanation",
    ]


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="got 0"):
        match(DEMAND, LATENT, limit=0)
    other = CharacterEncoder()
    other.name = "other"
    with pytest.raises(ValueError, match="other"):
        match(DEMAND, ENCODED, encoder=other)
