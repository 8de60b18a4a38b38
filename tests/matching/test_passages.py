from hypothesis import given
from hypothesis import strategies as st

from matching.passages import read, split, texts_to_encode
from tests.matching.pools import candidate


@given(st.text(alphabet="甲乙丙；、 ab", max_size=400))
def test_passages_are_short_and_lose_no_character_that_counts(text: str) -> None:
    passages = split(text)
    assert all(0 < len(passage) <= 90 for passage in passages)
    letters = str.maketrans("", "", "；、 ")
    assert "".join(passages).translate(letters) == text.translate(letters)


def test_a_list_is_cut_between_its_items() -> None:
    items = "；".join(["高温窑炉用隔热耐火材料的制备"] * 6)
    passages = split(items)
    assert len(passages) == 2
    assert all(passage.startswith("高温") for passage in passages)


def test_only_the_statement_is_cut() -> None:
    long = "，".join(["钠离子电池电极材料"] * 20)
    reading = read(candidate("x", long, long))
    assert len(reading.passages[0]) > 1
    assert len(reading.passages[1]) == 1


def test_every_text_is_encoded_once() -> None:
    texts = texts_to_encode(candidate("x", "耐火材料", "耐火材料", ""))
    assert texts == ["耐火材料"]
    assert texts_to_encode(candidate("nobody")) == []
