import numpy as np
import pytest

from tests.matching import realcases

PATH = realcases.directory()


@pytest.mark.skipif(
    PATH is None, reason="the real cases are not part of the project: set SHUANGKU_CASES to them"
)
def test_without_an_encoder_we_stay_above_bigram_tfidf_on_real_cases() -> None:
    assert PATH is not None
    cases = realcases.load(PATH)
    ranked = realcases.rankings(cases, None)
    found = np.mean(realcases.values(ranked, cases.judged, "nDCG@10"))
    plain = np.mean(realcases.values(realcases.baseline(cases), cases.judged, "nDCG@10"))
    docked = np.mean(realcases.values(ranked, cases.docked, "recall@10"))
    assert found >= 0.51
    assert found > plain
    assert docked >= 17 / 21
