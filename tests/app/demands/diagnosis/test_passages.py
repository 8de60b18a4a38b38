"""Which passages leave something open, and which only look as if they did."""

from time import process_time

import pytest

from app.demands.diagnosis.passages import (
    MOST_REMARKS,
    READ,
    VALUE,
    missing_indicators,
    vague_passages,
)


def texts(**given: str) -> dict[str, str]:
    return dict.fromkeys(READ, "") | given


@pytest.mark.parametrize(
    "text",
    [
        "≥800MPa",
        "150℃",
        "ΔE 小于 1.0",
        "寿命 5000 小时",
        "误差±0.01 mm",
        "纯度99.9%",
        "功耗 3 W",
        "4级",
    ],
)
def test_a_number_with_its_unit_or_bound_is_a_value(text: str) -> None:
    assert VALUE.search(text)


@pytest.mark.parametrize("text", ["3D打印", "2019年", "授权专利2项", "高强度", "GB/T 2260", "三种"])
def test_other_numbers_are_none(text: str) -> None:
    assert not VALUE.search(text)


def test_indicators_without_any_value_are_asked_for_one() -> None:
    found = missing_indicators(texts(key_indicators="手感柔和", expected_outcome="ΔE 小于 1.0"))
    assert [(r.code, r.field, r.start, r.end) for r in found] == [
        ("no_value", "key_indicators", 0, 4)
    ]
    assert missing_indicators(texts()) == []


def test_a_quality_without_a_value_is_asked_for_it_where_it_stands() -> None:
    found = missing_indicators(texts(problem="需要高强度、耐高温的涂层"))
    assert [(r.code, r.field, r.start, r.end) for r in found] == [
        ("quality_without_value", "problem", 6, 9),
        ("quality_without_value", "problem", 2, 4),
    ]
    assert found[0].question.zh == "耐高温：请给出数值与单位，如工作温度（℃）与时间"
    assert "°C" in found[0].question.en


def test_a_quality_that_another_field_measures_is_not() -> None:
    given = texts(problem="需要高强度、耐高温的涂层", key_indicators="强度≥800MPa，使用温度 600℃")
    assert missing_indicators(given) == []
    unit_alone = texts(problem="耐磨的涂层", key_indicators="厚度 20 mm")
    assert [r.code for r in missing_indicators(unit_alone)] == ["quality_without_value"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("随着社会的快速发展，涂层用量增加", "boilerplate", "随着社会的快速发展"),
        ("本涂层市场前景十分广阔", "boilerplate", "市场前景十分广阔"),
        ("涂层达到国内领先水平", "comparison", "国内领先水平"),
        ("涂层填补国内空白", "comparison", "填补国内空白"),
        ("涂层寿命显著延长", "degree", "显著"),
        ("涂层有裂纹、起泡等问题", "open_list", "等"),
        ("cracks of the 涂层, etc.", "open_list", "etc"),
        ("A state-of-the-art 涂层", "comparison", "state-of-the-art"),
        ("希望尽快得到专家的指导。", "no_technical_term", "希望尽快得到专家的指导"),
    ],
)
def test_what_says_little_is_told_with_its_place(text: str, code: str, words: str) -> None:
    [found] = vague_passages(texts(problem=text), ["涂层"])
    assert (found.code, text[found.start : found.end]) == (code, words)
    assert found.question.zh
    assert found.question.en


@pytest.mark.parametrize(
    "text",
    [
        "低温等离子体处理涂层",
        "涂层寿命显著延长，从 2000 小时到 5000 小时；涂层",
        "涂层厚度比国际先进水平低 20%",
        "请来。",
        "处理三百件之后仍不超过 5 mm",
    ],
)
def test_what_only_looks_so_is_not(text: str) -> None:
    found = vague_passages(texts(problem=text), ["涂层"])
    assert [r.code for r in found] in ([], ["degree"])
    assert ("degree" in [r.code for r in found]) == ("显著" in text)


def test_a_title_needs_no_sentence() -> None:
    assert vague_passages(texts(title="希望尽快得到专家的指导"), []) == []


@pytest.mark.parametrize("text", ["1" * 5_000, "≥" * 5_000, "随着" * 2_500, "1." * 2_500])
def test_no_text_takes_long(text: str) -> None:
    """Quadratic, each of these took seconds."""
    began = process_time()
    missing_indicators(dict.fromkeys(READ, text))
    vague_passages(dict.fromkeys(READ, text), [])
    assert process_time() - began < 1


def test_remarks_are_bounded() -> None:
    assert len(vague_passages(texts(problem="显著，" * 100), [])) == MOST_REMARKS
