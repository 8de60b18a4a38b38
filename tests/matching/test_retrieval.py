from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.embeddings import encoded_queries
from matching.features import count_terms
from matching.index import MatchIndex
from matching.postings import cosines, invert, join
from matching.queries import read_query
from matching.retrieval import top_rows
from matching.types import LONGEST_QUERY, Query
from tests.matching.pools import CharacterEncoder, experts

INDEX = MatchIndex.fit(experts())


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=300),
    st.integers(1, 40),
    st.integers(0, 2**16),
)
def test_the_best_rows_are_the_best_and_equals_go_by_draw(
    values: list[int], size: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    scores = np.array(values, dtype=np.float32)
    allowed = random.random(len(scores)) < 0.8
    draws = random.permutation(len(scores)).astype(np.uint32)
    found = top_rows(scores, allowed, draws, size)
    order = sorted(np.flatnonzero(allowed).tolist(), key=lambda row: (-scores[row], draws[row]))
    assert found.tolist() == sorted(order[:size])


def test_postings_give_the_cosines_of_the_rows() -> None:
    rows, _ = INDEX.model.weigh(["耐火材料 窑炉", "茶叶 tea", ""])
    query, _ = INDEX.model.weigh(["耐火材料 茶叶 雷达"])
    dense = [
        dict(zip(rows.keys[a:b].tolist(), rows.values[a:b].tolist(), strict=True))
        for a, b in pairwise(rows.offsets)
    ]
    asked = dict(zip(query.keys.tolist(), query.values.tolist(), strict=True))
    expected = [sum(asked[key] * row.get(key, 0) for key in asked) for row in dense]
    found = cosines(invert(rows), query.keys, query.values, 3)
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    assert found[0] > 0
    assert found[2] == 0


def test_joined_postings_drop_the_dead() -> None:
    rows, _ = INDEX.model.weigh(["耐火", "茶叶", "耐火茶叶"])
    postings = invert(rows)
    masks = [np.array([False, True, True]), np.array([True, False, False])]
    joined = join([(postings, mask) for mask in masks])
    keys = count_terms(["耐火"]).keys
    found = cosines(joined, keys, np.ones(len(keys), dtype=np.float32), 3)
    assert [value > 0 for value in found.tolist()] == [False, True, True]


def test_what_every_demand_says_hardly_counts() -> None:
    demands = [Query(title=f"公司研制{name}") for name in ("耐火材料", "茶叶", "电机", "锦纶")]
    index = MatchIndex.fit(experts(), queries=demands * 10)
    asked = read_query(demands[0], index.model)
    weights = dict(zip(asked.keys.tolist(), asked.weights.tolist(), strict=True))
    common, own = (count_terms([text]).keys.tolist()[1] for text in ("研制", "耐火"))
    assert 0 < weights[common] < weights[own] / 2


def test_an_encoder_gets_no_more_of_a_long_query_than_it_reads() -> None:
    query = Query(title="耐" * 3_000, problem="火" * 50_000)
    encoder = CharacterEncoder()
    vectors = encoded_queries(encoder, query.texts_to_encode)
    assert [len(text) for text in query.texts_to_encode] == [LONGEST_QUERY, LONGEST_QUERY]
    model = MatchIndex.fit(experts(), encoder).model
    assert read_query(query, model, vectors).vector is not None


def test_the_title_counts_twice() -> None:
    query = read_query(Query(title="耐火", problem="茶叶"), INDEX.model)
    weights = dict(zip(query.keys.tolist(), query.weights.tolist(), strict=True))
    title, problem = (count_terms([text]).keys.tolist()[0] for text in ("耐火", "茶叶"))
    assert weights[title] > weights[problem]
    assert query.vector is not None
