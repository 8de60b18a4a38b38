import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from matching.evaluation import (
    bootstrap_interval,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    share_judged,
    tfidf_rankings,
)

GRADES = {"a": 3, "b": 0, "c": 2, "d": 1}
RANKING = ["b", "x", "c", "a"]


def test_ndcg_by_hand() -> None:
    found = 3 / np.log2(4) + 7 / np.log2(5)
    ideal = 7 + 3 / np.log2(3) + 1 / np.log2(4)
    assert ndcg(RANKING, GRADES) == pytest.approx(found / ideal)


def test_ndcg_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        gains = random.integers(0, 4, 12)
        scores = random.permutation(12).astype(float)
        ranking = [str(i) for i in np.argsort(-scores)]
        grades = {str(i): int(gain) for i, gain in enumerate(gains)}
        assert ndcg(ranking, grades) == pytest.approx(ndcg_score([2.0**gains - 1], [scores], k=10))


def test_only_grades_of_two_and_more_are_relevant() -> None:
    assert reciprocal_rank(RANKING, GRADES) == pytest.approx(1 / 3)
    assert recall(RANKING, GRADES, k=3) == 0.5
    assert precision(RANKING, GRADES, k=4) == 0.5
    assert share_judged(RANKING, GRADES, k=4) == 0.75


def test_nothing_relevant_scores_nothing() -> None:
    assert ndcg(RANKING, {}) == reciprocal_rank(RANKING, {}) == recall(RANKING, {}) == 0
    assert share_judged([], GRADES) == 0


def test_intervals_hold_the_mean_and_repeat() -> None:
    values = [0.1, 0.5, 0.9, 0.4]
    low, high = bootstrap_interval(values)
    assert low < np.mean(values) < high
    assert (low, high) == bootstrap_interval(values)
    with pytest.raises(ValueError, match="got 0"):
        bootstrap_interval([])


def test_baselines_rank_by_bigrams_or_by_given_words() -> None:
    documents = {"b": "茶叶 加工", "a": "耐火 材料", "c": "耐火 材料"}
    assert tfidf_rankings(documents, ["耐火材料"])[0] == ["a", "c", "b"]
    assert tfidf_rankings(documents, ["加工 材料 加工"], words=str.split)[0] == ["b", "a", "c"]
