import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.concepts import HEAVY, LONGEST, PLAIN, READ, extract, places_of
from matching.fitting import fit_model
from matching.text import normalise
from tests.matching.pools import candidate, experts

MODEL = fit_model(experts())
TEXTS = {
    "title": "垃圾焚烧炉用耐火材料的研制",
    "problem": "公司目前的耐火材料寿命短，需要开发抗热震碳复合材料，满足行业发展要求。",
}


def names(texts: dict[str, str], **options: object) -> list[str]:
    return [phrase.text for phrase in extract(texts, model=MODEL, **options)]  # type: ignore[arg-type]


def test_terms_come_without_words_of_forms_those_of_the_title_first() -> None:
    found = extract(TEXTS, model=MODEL)
    assert found[0].text == "垃圾焚烧炉用耐火材料"
    words = " ".join(p.text for p in found)
    assert "抗热震碳复合材料" in words
    for form_word in ("公司", "需要", "开发", "行业", "研制", "目前"):
        assert form_word not in words
    weights = {p.text: p.weight for p in found}
    assert weights["垃圾焚烧炉用耐火材料"] == HEAVY
    assert weights["抗热震碳复合材料"] == PLAIN


def test_places_say_where_a_term_stands() -> None:
    texts = {"title": "窑炉 CMOS", "problem": "用于窑炉；cmos 图像；窑炉"}
    places = {p.text: [(q.field, q.start, q.end) for q in p.places] for p in extract(texts)}
    assert places["窑炉"] == [("title", 0, 2), ("problem", 2, 4), ("problem", 13, 15)]
    assert places["CMOS"] == [("title", 3, 7), ("problem", 5, 9)]


def test_a_latin_word_stands_as_a_whole_one() -> None:
    found = places_of("ion", {"problem": "region, ION 离子ion"})
    assert [(place.start, place.end) for place in found] == [(8, 11), (14, 17)]


def test_keywords_are_terms_wherever_they_stand() -> None:
    found = extract({"title": "窑炉", "problem": ""}, ["脑机接口", "窑"], MODEL)
    assert {p.text: (p.weight, len(p.places)) for p in found}["脑机接口"] == (HEAVY, 0)
    assert "窑" in {p.text for p in found}


def test_particles_inside_words_part_nothing() -> None:
    found = names({"title": "低温等离子体；对称电极；在线检测；有机硅；中频炉", "problem": ""})
    assert set(found) == {"低温等离子体", "对称电极", "在线检测", "有机硅", "中频炉"}


def test_the_pool_says_where_long_runs_are_cut() -> None:
    """材 and 茶 are in every statement, and never side by side."""
    pool = [candidate(str(n), f"耐火材料；茶叶加工；第{n}") for n in range(9)]
    model = fit_model(pool)
    texts = {"title": "耐火材料茶叶加工"}
    assert [p.text for p in extract(texts)] == ["耐火材料茶叶加工"]
    assert {p.text for p in extract(texts, (), model)} == {"耐火材料", "茶叶加工"}


def test_a_part_alone_is_no_term_where_its_whole_is() -> None:
    assert "耐火" not in names({"title": "耐火材料", "problem": "耐火材料，耐火材料"})
    assert "窑炉" in names({"title": "回转窑炉内衬", "problem": "窑炉，窑炉"})


def test_english_words_are_parted_by_their_own() -> None:
    found = names({"title": "recycling of lithium batteries", "problem": ""})
    assert {"recycling", "lithium batteries"} == set(found)


def test_only_the_beginning_of_a_text_is_read() -> None:
    assert names({"title": "茶", "problem": "。" * READ + "窑炉内衬"}) == []


@given(
    st.text(alphabet="耐火材料茶叶的和等对中 aB1-/，。\n０", max_size=60),
    st.lists(st.text(alphabet="茶叶a，", max_size=5), max_size=3),
)
def test_any_text_gives_bounded_terms_in_one_order(text: str, keywords: list[str]) -> None:
    texts = {"title": text[:20], "problem": text[20:]}
    found = extract(texts, keywords, MODEL)
    assert found == extract(texts, keywords, MODEL)
    assert len({normalise(p.text) for p in found}) == len(found)
    for phrase in found:
        assert phrase.text in keywords or len(phrase.text) <= LONGEST or phrase.text.isascii()
        for place in phrase.places:
            part = texts[place.field][place.start : place.end]
            assert part.lower() == phrase.text.lower()


@pytest.mark.parametrize("texts", [{}, {"title": ""}, {"title": "，。"}])
def test_nothing_has_no_terms(texts: dict[str, str]) -> None:
    assert extract(texts, (), MODEL) == []
