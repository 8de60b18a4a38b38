import pytest
from scripts.cases import read_cases

from matching.evaluation import ndcg, recall
from tests.matching import realcases

PATH = realcases.directory()


@pytest.mark.skipif(
    PATH is None, reason="the real cases are not part of the project: set SHUANGKU_CASES to them"
)
def test_without_an_encoder_we_stay_above_bigram_tfidf_on_real_cases() -> None:
    assert PATH is not None
    cases = read_cases(PATH)
    ranked = realcases.rankings(cases)
    found = realcases.mean(ndcg, ranked, cases.judged)
    assert found >= 0.51
    assert found > realcases.mean(ndcg, realcases.baseline(cases), cases.judged)
    assert realcases.mean(recall, ranked, cases.docking) >= 17 / 21
