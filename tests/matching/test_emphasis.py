from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.emphasis import meant_text, must_haves
from matching.index import MatchIndex
from matching.matcher import match
from matching.queries import read_query
from matching.types import Concept, Match, Query
from tests.matching.pools import DEMAND, FIELDS, CharacterEncoder, candidate, experts

ENCODER = CharacterEncoder()
ENCODED = MatchIndex.fit(experts(), ENCODER)
LATENT = MatchIndex.fit(experts())
# 茶 holds nothing of 耐火材料, not one character; 耐火 holds it whole.
terms = st.sampled_from(["耐火材料", "窑炉", "茶叶", "脑机接口", "CMOS", "衬里", "碳复合", "！"])
concepts = st.lists(
    st.builds(Concept, text=terms, weight=st.integers(0, 3)), max_size=5, unique_by=lambda c: c.text
)
asked = st.builds(
    lambda title, problem: Query(title="，".join(title), problem="，".join(problem)),
    st.lists(terms, min_size=1, max_size=4),
    st.lists(terms, max_size=4),
)


def found(query: Query, name: str, index: MatchIndex = LATENT) -> Match:
    encoder = ENCODER if index is ENCODED else None
    return next(m for m in match(query, index, encoder=encoder).matches if m.candidate_id == name)


def weighed(*given: Concept) -> Query:
    return replace(DEMAND, concepts=given)


@pytest.mark.parametrize("index", [LATENT, ENCODED], ids=["latent", "encoded"])
@given(asked, concepts, st.integers(0, 3), st.integers(0, 3))
def test_more_weight_never_lowers_who_holds_the_term(
    index: MatchIndex, query: Query, others: list[Concept], one: int, two: int
) -> None:
    rest = tuple(c for c in others if c.text != "耐火材料")
    light, heavy = (
        replace(query, concepts=(*rest, Concept(text="耐火材料", weight=weight)))
        for weight in sorted((one, two))
    )
    gaps = [found(q, "耐火", index).score - found(q, "茶", index).score for q in (light, heavy)]
    assert gaps[1] >= gaps[0] - 1e-6


@given(asked, concepts, st.booleans())
def test_contributions_add_up_under_any_concepts(
    query: Query, given: list[Concept], is_must_have: bool
) -> None:
    must = Concept(text="电解液", is_must_have=is_must_have)
    for result in match(replace(query, concepts=(*given, must)), LATENT).matches:
        total = sum(contribution.value for contribution in result.contributions)
        assert total == pytest.approx(result.score, abs=1e-6)


def test_an_accepted_concept_of_weight_one_changes_nothing() -> None:
    assert match(weighed(Concept(text="碳复合")), LATENT).matches == match(DEMAND, LATENT).matches


def test_an_added_concept_finds_who_the_text_does_not() -> None:
    query = weighed(Concept(text="茶园病虫害", weight=3))
    before, after = found(DEMAND, "茶"), found(query, "茶")
    assert after.score > before.score + 0.1
    assert "茶园病虫害" in after.terms
    assert after.features["topic"] == before.features["topic"]


def test_what_is_deleted_counts_nowhere() -> None:
    query = Query(title="耐火材料，茶叶", keywords=("茶叶", "耐火材料"))
    kept = replace(query, concepts=(Concept(text="茶叶", weight=0),))
    tea = found(kept, "茶")
    assert found(query, "茶").features["lexical"] > 0
    assert tea.features["lexical"] == 0
    assert tea.terms == ()
    assert tea.uncovered_keywords == ("耐火材料",)


def test_what_is_deleted_stays_where_another_concept_has_it() -> None:
    query = replace(
        Query(title="耐火材料"),
        concepts=(Concept(text="材料", weight=0), Concept(text="耐火材料")),
    )
    plain, kept = (read_query(q, LATENT.model) for q in (Query(title="耐火材料"), query))
    pair = np.uint64(ord("材") << 21 | ord("料"))
    at = int(np.searchsorted(kept.keys, pair))
    assert kept.weights[at] == pytest.approx(plain.weights[np.searchsorted(plain.keys, pair)])


def test_a_latin_word_is_deleted_as_a_whole() -> None:
    query = replace(Query(title="ion region"), concepts=(Concept(text="Ion", weight=0),))
    assert meant_text(query).split() == ["region"]
    weights = read_query(query, LATENT.model).weights
    assert sorted(weights > 0) == [False, True]


def test_must_haves_are_covered_or_told_and_count_most() -> None:
    heavy, must = (
        weighed(Concept(text="窑炉内衬", weight=3)),
        weighed(Concept(text="窑炉内衬", is_must_have=True)),
    )
    assert must_haves(must) == ["耐火材料", "红外图像融合", "窑炉内衬"]
    assert found(must, "耐火").score == found(heavy, "耐火").score
    assert "窑炉内衬" in found(must, "茶").uncovered_keywords
    assert "窑炉内衬" not in found(heavy, "茶").uncovered_keywords


def test_a_title_without_terms_is_carried_by_its_concepts() -> None:
    query = Query(title="！", concepts=(Concept(text=FIELDS["茶"][:4]),))
    assert match(query, LATENT).matches[0].candidate_id == "茶"
    assert match(Query(title="！", concepts=(Concept(text="？"),)), LATENT).matches


@pytest.mark.parametrize(
    "values", [{"weight": 4}, {"weight": -1}, {"weight": 0, "is_must_have": True}]
)
def test_weights_are_checked(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"got {values['weight']}"):
        Concept(text="茶", **values)  # type: ignore[arg-type]


def test_order_of_concepts_does_not_matter() -> None:
    pool = LATENT.updated([candidate("新", "高温隔热")])
    given = (Concept(text="高温", weight=0), Concept(text="超高温隔热", weight=2))
    one, two = (match(weighed(*order), pool).matches for order in (given, given[::-1]))
    assert [m.score for m in one] == [m.score for m in two]
