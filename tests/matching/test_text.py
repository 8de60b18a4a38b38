import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.text import fold, normalise, term_keys, word_key


def keys(text: str) -> list[int]:
    found: list[int] = term_keys([normalise(text)])[0].tolist()
    return found


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ＣＢＮ　單晶", "CBN 单晶"),
        ("軟體工程", "软件工程"),
        ("  甲\x00乙\n丙 ", "甲 乙 丙"),
        ("著名学者，显著提高", "著名学者,显著提高"),
    ],
)
def test_fold_unifies_width_script_and_space(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_cjk_runs_become_characters_and_bigrams() -> None:
    assert keys("耐火") == [ord("耐"), ord("耐") << 21 | ord("火"), ord("火")]
    assert len(keys("耐火材料")) == 7
    assert len(keys("钢 5 铁")) == 3


def test_bigrams_do_not_cross_punctuation_or_texts() -> None:
    assert ord("火") << 21 | ord("材") not in keys("耐火,材料")
    found, bounds = term_keys(["耐火", "材料", ""])
    assert bounds.tolist() == [0, 3, 6, 6]
    assert len(found) == 6


def test_words_are_stemmed_and_never_collide_with_characters() -> None:
    assert keys("Batteries") == keys("battery") == [word_key("battery")]
    assert word_key("battery") >> 63 == 1


def test_traditional_and_simplified_share_their_terms() -> None:
    assert keys("積體電路") == keys("集成电路")


@given(st.lists(st.text(max_size=30), max_size=8))
def test_texts_together_give_the_keys_of_each_alone(texts: list[str]) -> None:
    plain = [normalise(text) for text in texts]
    found, bounds = term_keys(plain)
    alone = [term_keys([text])[0] for text in plain]
    assert bounds[-1] == len(found)
    for place, expected in enumerate(alone):
        assert np.array_equal(found[bounds[place] : bounds[place + 1]], expected)
