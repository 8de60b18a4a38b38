"""A list in one cell, however its items are parted."""

import pytest

from app.bulk.kinds import ImportKind
from app.bulk.sheets.cells import field_values
from app.bulk.sheets.explaining import explanation
from app.bulk.sheets.headings import field_of


@pytest.mark.parametrize(
    ("kind", "field", "cell", "items"),
    [
        ("demands", "keywords", "拉链，牢度", ["拉链", "牢度"]),
        ("demands", "keywords", "zipper, fastness,", ["zipper", "fastness"]),
        (
            "experts",
            "research_directions",
            "染整,针织；印花、涂层",
            ["染整", "针织", "印花", "涂层"],
        ),
        ("achievements", "people", "林若溪，傅某", ["林若溪", "傅某"]),
        ("experts", "research_directions", "1,4-丁二醇,锦纶", ["1,4-丁二醇", "锦纶"]),
        ("demands", "keywords", "N,N-二甲基甲酰胺，回收", ["N,N-二甲基甲酰胺", "回收"]),
        ("demands", "keywords", "锦纶（PA6，PA66），黄变", ["锦纶（PA6，PA66）", "黄变"]),
        ("experts", "publications", "针织物，袜类、毛巾；染色", ["针织物，袜类、毛巾", "染色"]),
    ],
)
def test_what_parts_a_list(kind: str, field: str, cell: str, items: list[str]) -> None:
    assert field_values(ImportKind(kind), {field: cell}) == {field: items}


def test_what_an_expert_says_of_being_asked_has_columns() -> None:
    """Of a month alone such a word holds to its last day."""
    cells = {
        "免打扰": "是",
        "免打扰截止日期": "2027年2月",
        "免打扰原因": "封闭科研任务",
        "减量": "1",
        "减量截止日期": "2026/12/31",
    }
    fields = {field_of(ImportKind.EXPERTS, name): cell for name, cell in cells.items()}
    row = field_values(ImportKind.EXPERTS, {str(name): cell for name, cell in fields.items()})
    assert row == {
        "is_do_not_contact": True,
        "do_not_contact_until_on": "2027-02-28",
        "do_not_contact_reason": "封闭科研任务",
        "reduced_capacity": 1,
        "reduced_until_on": "2026-12-31",
    }


def test_the_explanation_names_what_parts_a_list() -> None:
    experts = explanation(ImportKind.EXPERTS)
    for called in ("· research_directions", "· disciplines", "· languages"):
        told = experts.partition(called)[2].split("\n")[1]
        assert "以分号、逗号、顿号（、）或换行分隔" in told
        assert "parted by semicolons, commas, 、 or new lines" in told
    told = experts.partition("· publications")[2].split("\n")[1]
    assert told.strip() == "多项以分号或换行分隔 · parted by semicolons or new lines"


def test_commas_without_end_take_no_square_of_their_number() -> None:
    cell = "1,N," * 30_000 + "（" * 100_000
    [keywords] = field_values(ImportKind.DEMANDS, {"keywords": cell}).values()
    assert isinstance(keywords, list)
    assert keywords[:2] == ["1", "N"]
