import pytest

from matching.fitting import fit_model
from matching.terms import heaviest, read_wording, shared_terms
from tests.matching.pools import candidate, experts

MODEL = fit_model([*experts(), *(candidate(f"{i}", f"一般技术研究{i}") for i in range(20))])


@pytest.mark.parametrize(
    ("query", "text", "words"),
    [
        ("超高温隔热耐火材料的研制", "碳复合耐火材料与钢", {"耐火材料"}),
        ("耐火材料的制备", "耐火材料的工艺", {"耐火材料"}),
        ("高耐火材料", "防火材料", {"材料"}),
        ("Low-power CMOS 电路 2020", "low CMOS 电路 2020", {"low", "CMOS", "电路"}),
        ("维生素D 与 d 值, µ 7", "维生素D, d, µ, 7", {"维生素"}),
        ("茶叶", "钢铁", set()),
        ("耐", "耐", set()),
    ],
)
def test_shared_bigrams_become_words_again(query: str, text: str, words: set[str]) -> None:
    assert set(shared_terms(read_wording(query, MODEL), text)) == words


def test_what_most_of_the_pool_says_is_no_reason() -> None:
    found = shared_terms(read_wording("耐火材料技术研究", MODEL), "耐火材料 技术研究")
    assert set(found) == {"耐火材料"}


def test_a_word_inside_a_heavier_one_is_not_repeated() -> None:
    assert heaviest({"耐火材料": 9.0, "材料": 3.0, "窑炉": 5.0}, 8) == ("耐火材料", "窑炉")
    assert heaviest({"a": 1.0, "b": 1.0, "c": 2.0}, 2) == ("c", "a")
