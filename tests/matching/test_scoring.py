import numpy as np
import pytest

from matching import score
from matching.scoring import Expert
from tests.matching.pools import FIELDS, CharacterEncoder

EXPERTS: list[Expert] = [
    {"id": name, "name": "张三", "profile": text} for name, text in FIELDS.items()
]
QUERIES = ["高温窑炉用耐火材料", "茶园害虫绿色防控", "脑机接口芯片"]


@pytest.mark.parametrize("encoder", [None, CharacterEncoder()])
def test_each_query_finds_its_own(encoder: CharacterEncoder | None) -> None:
    found = score(EXPERTS, QUERIES, encoder=encoder)
    assert found.shape == (3, 5)
    best = [list(FIELDS)[column] for column in found.argmax(axis=1).tolist()]
    assert best == ["耐火", "茶", "芯片"]


def test_scores_follow_the_order_of_what_was_given() -> None:
    turned = score(EXPERTS[::-1], QUERIES[::-1])
    assert np.allclose(turned[::-1, ::-1], score(EXPERTS, QUERIES), atol=1e-3)


def test_documents_count_and_nothing_is_needed_but_an_id() -> None:
    experts: list[Expert] = [{"id": "a"}, {"id": "b", "documents": ["茶园害虫绿色防控"]}]
    assert np.diff(score(experts, ["茶园害虫"]))[0, 0] > 0
    assert score([], ["茶园"]).shape == (1, 0)
    assert score(experts, []).shape == (0, 2)


def test_two_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="distinct"):
        score([EXPERTS[0], EXPERTS[0]], QUERIES)


def test_everybody_of_a_large_pool_is_scored() -> None:
    experts: list[Expert] = [{"id": str(n), "profile": f"课题{n} 茶园"} for n in range(1_200)]
    assert np.count_nonzero(score(experts, ["课题7 耐火"])) == 1_200
