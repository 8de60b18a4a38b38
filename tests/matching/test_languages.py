"""Other scripts and languages than simplified Chinese, by words and by meaning."""

import opencc
import pytest

from matching import LocalEncoder, MatchIndex, Query, match
from tests.matching.pools import candidate

ENGLISH = {
    "refractory": "refractory ceramics and thermal insulation bricks for high temperature kilns",
    "tea": "tea processing; green control of pests and diseases in tea plantations",
    "battery": "electrolytes and electrode materials for sodium-ion and lithium-ion batteries",
    "dyeing": "dyeing and finishing of polyamide knitted fabrics, prevention of yellowing",
    "vision": "machine vision for industrial surface defect detection",
    "wastewater": "treatment of high-ammonia wastewater, membrane bioreactors",
}
CHINESE = {
    "refractory": "高温窑炉用隔热耐火砖",
    "tea": "茶园病虫害的绿色防控",
    "battery": "锂离子电池电解液开发",
    "dyeing": "锦纶针织物染整后黄变",
    "vision": "产品表面缺陷的自动检测",
    "wastewater": "高氨氮废水处理",
}


def test_a_chinese_demand_finds_an_english_profile() -> None:
    """By meaning: no word is shared."""
    encoder = LocalEncoder()
    index = MatchIndex.fit([candidate(name, text) for name, text in ENGLISH.items()], encoder)
    for name, text in CHINESE.items():
        best = match(Query(title=text), index, encoder=encoder).matches[0]
        assert best.candidate_id == name


@pytest.mark.parametrize("text", ["LED 驱动电源", "ｌｅｄ 驱动电源", "Led驱动电源"])
def test_abbreviations_are_words_in_any_case_and_width(text: str) -> None:
    index = MatchIndex.fit(
        [candidate("a", "LED照明"), candidate("b", "PLC控制器"), candidate("c", "驱动")]
    )
    terms = {found.candidate_id: found.terms for found in match(Query(title=text), index).matches}
    assert "LED" in terms["a"]
    assert "PLC" not in terms["b"]


def test_traditional_script_is_the_same_demand() -> None:
    index = MatchIndex.fit([candidate(name, text) for name, text in CHINESE.items()])
    for name, text in CHINESE.items():
        plain = match(Query(title=text), index).matches
        traditional = match(Query(title=opencc.OpenCC("s2twp").convert(text)), index).matches
        assert plain[0].candidate_id == traditional[0].candidate_id == name
        assert traditional[0].score == pytest.approx(plain[0].score)
