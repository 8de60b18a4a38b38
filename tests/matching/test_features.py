import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from matching.features import FEWEST_QUERIES, count_terms, damping, smooth_idf, weigh
from matching.text import term_keys

TEXTS = st.lists(st.text(alphabet="耐火材料钢 ab1,", max_size=30), min_size=2, max_size=8)


@given(TEXTS)
def test_rows_are_those_of_scikit_learn(texts: list[str]) -> None:
    analyzer = TfidfVectorizer(
        analyzer=lambda text: term_keys([text])[0].tolist(), sublinear_tf=True
    )
    counts = count_terms(texts)
    if not len(counts.keys):
        return
    expected = analyzer.fit_transform(texts).toarray()
    frequencies = np.bincount(counts.positions)
    rows, _ = weigh(counts, smooth_idf(frequencies, len(texts)))
    dense = np.zeros_like(expected)
    owners = np.repeat(np.arange(len(texts)), np.diff(rows.offsets))
    columns = [analyzer.vocabulary_[key] for key in rows.keys.tolist()]
    dense[owners, columns] = rows.values
    assert np.allclose(dense, expected, atol=1e-6)


def test_an_empty_text_has_an_empty_row_and_no_norm() -> None:
    counts = count_terms(["", "火", ""])
    rows, norms = weigh(counts, np.ones(1, dtype=np.float32))
    assert counts.offsets.tolist() == [0, 0, 1, 1]
    assert norms.tolist() == [0.0, 1.0, 0.0]
    assert rows.values.tolist() == [1.0]


def test_a_term_of_one_query_keeps_its_weight_and_one_of_all_loses_most() -> None:
    telling = damping(np.array([1, 3, 8, 100]), 100, np.zeros(4))
    assert telling[:2].tolist() == [1, 1]
    assert telling[1] > telling[2] > telling[3] >= 0
    assert telling[3] < 0.1
    assert damping(np.array([4]), 4, np.zeros(1))[0] > 0.4  # four tell little of what all say


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.floats(0, 0.999))
def test_a_weight_seldom_tells_of_one_query_more(held: int, others: int, offset: float) -> None:
    """Its scale has one step between any power of two and the next, and nobody knows where."""
    queries, offsets = held + others + 1, np.array([offset])
    counts = [*range(held, 2 * held + 1)]
    told = [float(damping(np.array([n]), queries * 2, offsets)[0]) for n in counts]
    assert len(set(told)) <= 2
    assert sorted(told, reverse=True) == told
    assert all(weight == 1 for n, weight in zip(counts, told, strict=True) if n < FEWEST_QUERIES)


def test_the_rarest_term_has_the_largest_idf() -> None:
    idf = smooth_idf(np.array([0, 1, 9]), 10)
    assert idf[0] > idf[1] > idf[2] > 1
