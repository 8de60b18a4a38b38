"""Accept-Language chooses between the two languages of the service."""

import pytest

from app.interface.language import Text, preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh-CN"),
        ("*", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("en", "en"),
        ("EN-us", "en"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("fr, en; q=0.8, zh;q=0.5", "en"),
        ("zh ; q=0.1 , en ;q=0.2", "en"),
        ("en;Q=0.5", "en"),
        ("en;q=0", "zh-CN"),
        ("en, zh", "zh-CN"),
        ("de, fr;q=0.5", "zh-CN"),
        ("english", "zh-CN"),
        ("en;q=nonsense", "zh-CN"),
        ("en;q=nan", "zh-CN"),
        (",,;;q=,-", "zh-CN"),
    ],
)
def test_preferred_language(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_text_fills_both_languages() -> None:
    text = Text("不得超过 {max} 字", "At most {max} characters").format(max=3)
    assert text.in_language("zh-CN") == "不得超过 3 字"
    assert text.in_language("en") == "At most 3 characters"
    assert text.in_language("fr") == text.zh
