"""Lexemes of records and of what people type; the SQL side is tested with the experts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.search import MAX_BYTES, MAX_LEXEME, _bounded, lexemes, name_lexemes, pinyin


def test_chinese_runs_become_grams_and_latin_words_stay_whole() -> None:
    assert lexemes("LED灯具") == {"led", "灯", "具", "灯具"}
    assert lexemes("C++ 与 GB/T 4754-2017.") == {"c++", "与", "gb", "t", "4754-2017"}


def test_scripts_and_widths_are_one() -> None:
    assert lexemes("錦綸針織ＬＥＤ") == lexemes("锦纶针织led")


def test_words_of_other_scripts_are_kept() -> None:
    assert lexemes("Müller") == {"müller"}
    assert "田中さく" not in lexemes("田中さくら")
    assert {"さく", "くら"} <= lexemes("田中さくら")
    assert lexemes("𠮷田") == {"𠮷", "田", "𠮷田"}


def test_long_words_are_cut() -> None:
    assert lexemes("a" * 500) == {"a" * MAX_LEXEME}


def test_punctuation_has_no_lexemes() -> None:
    assert lexemes("，。!?'\\&|:*()") == set()


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张三丰", {"张三", "zhangsanfeng", "zsf"}),
        ("曾小贤", {"zengxiaoxian", "cengxiaoxian", "zxx", "cxx"}),
        ("单田芳", {"shantianfang", "dantianfang", "stf", "dtf"}),
        ("單田芳", {"单田", "shantianfang", "stf"}),
        ("仇英", {"qiuying", "qy", "chouying"}),
        ("朴树", {"piaoshu", "pushu"}),
        ("Hans Müller", {"hans", "müller"}),
        ("欧阳修", {"ouyangxiu", "oyx"}),
    ],
)
def test_ways_to_type_a_name(name: str, typed: set[str]) -> None:
    assert typed <= name_lexemes(name)


def test_pinyin_sorts_by_the_surnames_reading() -> None:
    assert pinyin("曾小贤") == "zengxiaoxian"
    assert pinyin("單田芳") == "shantianfang"
    assert pinyin("张三") == "zhangsan"
    assert pinyin("") == ""


@given(st.text(max_size=60))
def test_any_text_gives_clean_lexemes(text: str) -> None:
    for lexeme in lexemes(text) | name_lexemes(text):
        assert lexeme
        assert len(lexeme) <= MAX_LEXEME
        assert not re.search(r"[\s'\\&|!():*\x00]", lexeme)


def test_a_record_keeps_no_more_lexemes_than_postgresql_takes() -> None:
    terms = {f"{number:060}" for number in range(20_000)}
    bounded = _bounded(terms)
    assert bounded == sorted(terms)[: len(bounded)]
    assert MAX_BYTES - MAX_LEXEME < sum(map(len, bounded)) <= MAX_BYTES
