"""Spreadsheets as offices keep them: titles, numbers, remarks and totals around the table."""

import io
from collections.abc import Sequence
from typing import Any

import pytest
import xlsxwriter

from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.reading import headed
from app.bulk.reading.headed import MAX_COLUMNS
from app.bulk.reading.opening import open_table
from app.bulk.reading.parsing import Parser
from app.bulk.report import Outcome
from app.interface.errors import Invalid
from app.scopes import Sessions
from tests.app.bulk.files import codes, counts, csv_file, imported, workbook

TITLE = ("2026年义乌市技术需求汇总表", "", "", "", "")
HEADINGS = ("序号", "企业名称", "技术需求名称", "资金总额（万元）", "备注")
ROWS: Sequence[Sequence[Any]] = (
    TITLE,
    ("填报单位：", "义乌市科协", "", "", ""),
    HEADINGS,
    (1, "义乌某针织厂", "浅色黄变控制", 50, "急"),
    ("", "", "", "", ""),
    (2, "义乌某袜厂", "染整废水回用", 30, ""),
    (3, "", "", "", ""),
    ("合 计", "", "", 80, ""),
)
GUIDE = (("填表说明",), ("企业名称", "填营业执照上的全称"), ("姓名",), ("备注",))


def book(*sheets: Sequence[Sequence[Any]]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as made:
        for rows in sheets:
            sheet = made.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return content.getvalue()


def merged() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as made:
        sheet = made.add_worksheet()
        sheet.merge_range(0, 0, 0, 4, TITLE[0])
        for number, row in enumerate(ROWS[1:], start=1):
            sheet.write_row(number, 0, row)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (workbook(*ROWS), "a.xlsx"),
        (merged(), "a.xlsx"),
        (book([], GUIDE, ROWS), "a.xlsx"),
        (csv_file(*ROWS), "a.csv"),
        (csv_file(*ROWS, encoding="gb18030"), "a.csv"),
    ],
)
def test_the_table_is_found(content: bytes, filename: str) -> None:
    table = open_table(content, filename, ImportKind.DEMANDS)
    assert [(note.pointer, note.message.zh) for note in table.notes] == [
        ("/file", "未读取的列：序号、备注")
    ]
    [chunk] = Parser(ImportKind.DEMANDS).chunks(table)
    assert [row.number for row in chunk.rows] == [4, 6], "as the file numbers them"
    assert [row.row.model_dump()["title"] for row in chunk.rows] == ["浅色黄变控制", "染整废水回用"]
    [total] = chunk.results
    assert (total.row, total.outcome) == (8, Outcome.NOTED)
    assert [note.code for note in total.notes] == ["total_skipped"]


PARTED: Sequence[Sequence[Any]] = (
    ("序号", "企业名称", "技术需求名称", "联系方式", "", "时间要求", "备注"),
    ("", "", "", "联系人", "联系电话", "结束日期", ""),
    (1, "义乌某针织厂", "浅色黄变控制", "傅", "000-0002", "2027-12-31", ""),
)


def parted() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as made:
        sheet = made.add_worksheet()
        for number, row in enumerate(PARTED):
            sheet.write_row(number, 0, row)
        sheet.merge_range(0, 3, 0, 4, "联系方式")
        for column in (0, 1, 2, 6):
            sheet.merge_range(0, column, 1, column, PARTED[0][column])
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "filename"), [(parted(), "a.xlsx"), (csv_file(*PARTED), "a.csv")]
)
def test_a_heading_over_its_parts_is_read_as_they(content: bytes, filename: str) -> None:
    table = open_table(content, filename, ImportKind.DEMANDS)
    [chunk] = Parser(ImportKind.DEMANDS).chunks(table)
    [row] = chunk.rows
    stated = row.row.model_dump(exclude_unset=True, mode="json")
    assert (row.number, stated) == (
        3,
        {
            "organization": "义乌某针织厂",
            "title": "浅色黄变控制",
            "contact_name": "傅",
            "contact_phone": "000-0002",
            "period_until_on": "2027-12-31",
        },
    )


def test_a_row_that_says_more_than_parts_of_headings_is_none_of_them() -> None:
    """An unknown heading is told as ever."""
    for under in (("", "联系人", "别的"), ("标题", "联系人", ""), ("", "", "")):
        rows = (("技术需求名称", "联系方式", "说明"), under, ("甲", "乙", "丙"))
        with pytest.raises(Invalid) as caught:
            open_table(csv_file(*rows), "a.csv", ImportKind.DEMANDS)
        assert "unknown_heading" in {error.code for error in caught.value.errors}


def test_an_unknown_heading_is_told_with_what_is_right() -> None:
    rows = (("姓名", "研究方面", "{name}"), ("林若溪", "染整", "x"))
    with pytest.raises(Invalid) as caught:
        open_table(csv_file(*rows), "a.csv", ImportKind.EXPERTS)
    near, far = [error.message for error in caught.value.errors]
    command = "shuangku import-template experts --explain"
    assert near.zh == f"无法识别的列名：研究方面；相近的有：研究方向；各列名见 {command}"
    assert near.en == f"Unknown heading: 研究方面; near it: 研究方向; {command} tells all"
    assert far.zh == f"无法识别的列名：{{name}}；相近的有：name；各列名见 {command}"


def test_one_known_heading_is_enough_for_a_small_table() -> None:
    rows = (("专家名单",), ("序号", "姓名"), (1, "林若溪"))
    [chunk] = Parser(ImportKind.EXPERTS).chunks(
        open_table(csv_file(*rows), "a.csv", ImportKind.EXPERTS)
    )
    assert [row.number for row in chunk.rows] == [3]


def test_more_columns_than_any_file_may_have_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each costs a search, and a file may have a million."""
    looked_at = list[str]()

    def find(kind: ImportKind, heading: str) -> str | None:
        looked_at.append(heading)
        return None

    monkeypatch.setattr(headed, "field_of", find)
    names = [f"第{n}列" for n in range(MAX_COLUMNS + 1)]
    with pytest.raises(Invalid) as refused:
        open_table(csv_file(names, ["1"] * len(names)), "a.csv", ImportKind.EXPERTS)
    assert [error.code for error in refused.value.errors] == ["too_many_columns"]
    assert not set(looked_at) & set(names)


def test_two_known_headings_on_a_later_sheet_outdo_one() -> None:
    content = book([("单位",), ("某大学",)], [("姓名", "单位"), ("林若溪", "某大学")])
    [chunk] = Parser(ImportKind.EXPERTS).chunks(open_table(content, "a.xlsx", ImportKind.EXPERTS))
    assert [row.row.model_dump()["name"] for row in chunk.rows] == ["林若溪"]


@pytest.mark.parametrize("last", [("合计有限公司", "某需求"), ("某厂", "合计")])
def test_only_a_row_that_begins_with_a_total_is_one(last: tuple[str, str]) -> None:
    content = csv_file(("企业名称", "技术需求名称"), last)
    [chunk] = Parser(ImportKind.DEMANDS).chunks(open_table(content, "a.csv", ImportKind.DEMANDS))
    assert len(chunk.rows) == 1


def test_a_heading_beyond_the_tenth_row_is_not_looked_for() -> None:
    rows = [("说明", "说明")] * 10 + [("姓名", "单位"), ("甲", "乙")]
    with pytest.raises(Invalid):
        open_table(csv_file(*rows), "a.csv", ImportKind.EXPERTS)


def test_nothing_is_looked_for_behind_a_sheet_that_is_large() -> None:
    """Ten sheets with a cell in each of two far corners took ten seconds and 1.4 GB."""
    wide = [("x",)] + [()] * 20_000 + [("",) * 50 + ("x",)]
    behind = book(wide, [("姓名", "单位"), ("林若溪", "某大学")])
    with pytest.raises(Invalid) as refused:
        open_table(behind, "a.xlsx", ImportKind.EXPERTS)
    assert "unknown_heading" in {error.code for error in refused.value.errors}


def test_blank_lines_without_end_are_not_searched() -> None:
    with pytest.raises(Invalid) as refused:
        open_table(b"\n" * 1_001 + b"name\nA\n", "a.csv", ImportKind.EXPERTS)
    assert [error.code for error in refused.value.errors] == ["empty_file"]


async def test_it_is_written_and_told(sessions: Sessions) -> None:
    body = await imported(sessions, "demands", csv_file(*ROWS), filename="a.csv")
    assert counts(body) == (2, 0, 0, 0)
    left_out = [c for c in codes(body) if c[2] in ("column_not_read", "total_skipped")]
    assert left_out == [(None, "file", "column_not_read"), (8, "", "total_skipped")]


async def test_a_row_that_is_refused_is_told_with_its_number(sessions: Sessions) -> None:
    rows = [*ROWS[:-1], (4, "义乌某厂", "某需求", "很多", ""), ROWS[-1]]
    file = workbook(*rows)
    body = await imported(sessions, "demands", file, filename="a.xlsx", mode=ImportMode.PARTIAL)
    assert counts(body) == (2, 0, 0, 1)
    assert [c[:2] for c in codes(body) if c[2] == "decimal_parsing"] == [(8, "budget")]
