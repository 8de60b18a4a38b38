"""Files of every format, good, damaged and hostile, as tables of rows."""

import datetime
import io
import zipfile
from contextlib import suppress
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bulk.kinds import ImportKind
from app.bulk.reading.opening import open_table
from app.bulk.reading.parsing import Parser
from app.bulk.rows import DemandRow, ExpertRow
from app.interface.errors import Invalid
from app.interface.language import Text
from tests.app.bulk.files import csv_file, expert, json_lines, with_part, workbook

HEADINGS = ("姓名*", "所在单位（必填）", "学科", "研究方向", "是否退休", "当选年份", "论文", "电话")
CELLS = (
    "林若溪",
    "某大学",
    "430；540",
    "锦纶染整、针织",
    "否",
    2013,
    "甲、乙；丙\n丁",
    13800000000,
)


def parsed(content: bytes, filename: str, kind: ImportKind = ImportKind.EXPERTS) -> list[Any]:
    """The rows of a file that is valid throughout, with their numbers."""
    chunks = list(Parser(kind).chunks(open_table(content, filename, kind)))
    assert [result for chunk in chunks for result in chunk.results] == []
    return [(row.number, row.row) for chunk in chunks for row in chunk.rows]


def fault(content: bytes, filename: str = "a", kind: ImportKind = ImportKind.EXPERTS) -> list[str]:
    """The codes with which a file is refused."""
    with pytest.raises(Invalid) as refused:
        open_table(content, filename, kind)
    assert all(error.pointer == "/file" for error in refused.value.errors)
    return [error.code for error in refused.value.errors]


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (workbook(HEADINGS, CELLS), "名单.xlsx"),
        (workbook(HEADINGS, CELLS), "misnamed.csv"),
        (csv_file(HEADINGS, CELLS), "a.csv"),
        (csv_file(HEADINGS, CELLS, encoding="gb18030"), "a.csv"),
        (csv_file(HEADINGS, CELLS, encoding="utf-8").replace(b",", b"\t"), "a.txt"),
    ],
)
def test_a_sheet_says_the_same_in_every_format(content: bytes, filename: str) -> None:
    [(number, row)] = parsed(content, filename)
    assert number == 2
    assert isinstance(row, ExpertRow)
    assert (row.name, row.organization, row.phone) == ("林若溪", "某大学", "13800000000")
    assert row.disciplines == ["430", "540"]
    assert row.research_directions == ["锦纶染整", "针织"]
    assert (row.is_retired, row.elected_year) == (False, 2013)
    assert [item.title for item in row.publications] == ["甲、乙", "丙", "丁"]


@pytest.mark.parametrize("delimiter", list(",\t;；，"))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_is_read_however_it_was_saved(delimiter: str, encoding: str) -> None:
    lines = [("姓名", "所在单位", "职称"), ("林若溪", "某大学", "教授")]
    content = "\r\n".join(delimiter.join(line) for line in lines).encode(encoding)
    [(number, row)] = parsed(content, "a.csv")
    assert number == 2
    assert (row.name, row.organization, row.title) == ("林若溪", "某大学", "教授")


def test_utf_16_of_either_order_by_its_mark() -> None:
    for encoding, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        content = mark + "姓名\t单位\r\n林若溪\t某大学\r\n".encode(encoding)
        [(_, row)] = parsed(content, "a.txt")
        assert row.name == "林若溪"
        assert fault(content[:-1]) == ["unreadable_file"]


def test_a_required_column_that_is_missing_is_named_once() -> None:
    content = csv_file(("单位", "职称"), *[("某大学", "教授")] * 3)
    with pytest.raises(Invalid) as refused:
        open_table(content, "a.csv", ImportKind.EXPERTS)
    assert [(error.code, error.message.zh) for error in refused.value.errors] == [
        ("missing_column", "缺少必填的列：姓名")
    ]


def test_a_full_width_code_is_read() -> None:
    code = "９１３３０７８２ＭＡ２ＤＥＭ０１３Ｇ"
    content = csv_file(("企业名称", "统一社会信用代码"), ("某厂", code))
    [(_, row)] = parsed(content, "a.csv", ImportKind.ORGANIZATIONS)
    assert row.unified_social_credit_code == "91330782MA2DEM013G"


@pytest.mark.parametrize("kind", [ImportKind.EXPERTS, ImportKind.ORGANIZATIONS])
def test_a_full_width_email_is_read(kind: ImportKind) -> None:
    rows = (("name", "电子邮箱"), ("某某", "li＠example．cn"))
    [(_, row)] = parsed(csv_file(*rows), "a.csv", kind)
    assert "li@example.cn" in row.model_dump().values()


def test_english_headings_and_chinese_values() -> None:
    rows = (("name", "专家类型", "技术领域", "国家"), ("A", "院士", "新材料及应用", "德国"))
    [(_, row)] = parsed(csv_file(*rows), "a.csv")
    assert (row.kind, row.technology_fields, row.country) == (
        "academician",
        ["new_materials"],
        "DE",
    )


@pytest.mark.parametrize("cell", ["2027-03-01", "2027/3/1", "2027年3月1日", "2027.3.1"])
def test_dates_of_a_sheet(cell: str) -> None:
    content = csv_file(("需求名称", "需求结束日期", "资金总额（万元）"), ("甲", cell, "50.5"))
    [(_, row)] = parsed(content, "a.csv", ImportKind.DEMANDS)
    assert isinstance(row, DemandRow)
    assert row.period_until_on == datetime.date(2027, 3, 1)
    assert str(row.budget) == "50.5"


@pytest.mark.parametrize("cell", ["2028年2月", "2028-02", "2028/2"])
def test_a_month_begins_and_ends_a_period(cell: str) -> None:
    content = csv_file(("需求名称", "需求开始日期", "需求结束日期"), ("甲", cell, cell))
    [chunk] = Parser(ImportKind.DEMANDS).chunks(open_table(content, "a.csv", ImportKind.DEMANDS))
    [numbered] = chunk.rows
    assert isinstance(numbered.row, DemandRow)
    assert numbered.row.period_from_on == datetime.date(2028, 2, 1)
    assert numbered.row.period_until_on == datetime.date(2028, 2, 29)
    assert [(note.pointer, note.message.zh) for note in numbered.notes] == [
        ("/period_from_on", f"“{cell}”按 2028-02-01 导入"),
        ("/period_until_on", f"“{cell}”按 2028-02-29 导入"),
    ]


@pytest.mark.parametrize("cell", ["2027.1", "2027年13月", "0000-01", "2027年"])
def test_what_may_be_another_month_is_refused(cell: str) -> None:
    content = csv_file(("需求名称", "需求结束日期"), ("甲", cell))
    [chunk] = Parser(ImportKind.DEMANDS).chunks(open_table(content, "a.csv", ImportKind.DEMANDS))
    assert [result.row for result in chunk.results] == [2]


def test_a_date_cell_of_a_workbook() -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("需求名称", "需求结束日期"))
        sheet.write(1, 0, "甲")
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_datetime(1, 1, datetime.datetime(2027, 3, 1), date)  # noqa: DTZ001
    [(_, row)] = parsed(content.getvalue(), "a.xlsx", ImportKind.DEMANDS)
    assert row.period_until_on == datetime.date(2027, 3, 1)


@pytest.mark.parametrize("first_row", [0, 3])
def test_numbers_are_those_that_people_see(first_row: int) -> None:
    blank = ("", "")
    rows = (("姓名", "单位"), ("甲", "一"), blank, ("乙", "二"))
    content = workbook(*rows, first_row=first_row)
    numbers = [number for number, _ in parsed(content, "a.xlsx")]
    assert numbers == [first_row + 2, first_row + 4]
    assert [n for n, _ in parsed(csv_file(*rows), "a.csv")] == [2, 4]
    lines = json_lines(expert(1)) + b"\n\n" + json_lines(expert(2))
    assert [n for n, _ in parsed(lines, "a.jsonl")] == [1, 3]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (csv_file(("姓名",)), "empty_file"),
        (csv_file(("姓名", "血型"), ("甲", "A")), "unknown_heading"),
        (csv_file(("姓名", "name"), ("甲", "乙")), "repeated_heading"),
        (csv_file([f"c{n}" for n in range(53)], ["1"]), "too_many_columns"),
        (b"\xff\xff\xff", "unreadable_file"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "unsupported_format"),
        (b"PK\x03\x04" + bytes(600), "unreadable_file"),
        (b'"' + b"x" * 200_000, "unreadable_file"),
        (b"name\n" + b"x\n" * 200_001, "too_many_rows"),
        (b"{}\n" * 200_001, "too_many_rows"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, code: str) -> None:
    assert fault(content) == [code]


def test_a_zip_bomb_is_refused_before_it_unfolds() -> None:
    bomb = with_part(workbook(HEADINGS, CELLS), "xl/styles.xml", bytes(201 * 1024 * 1024))
    assert len(bomb) < 1_000_000
    assert fault(bomb) == ["file_too_large"]


@pytest.mark.parametrize("address", ["XFD1", "A1048576", "xfd1048576", "BA1", "C210000"])
def test_a_cell_far_out_is_refused_before_it_is_parsed(address: str) -> None:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1"><v>1</v></c></row>'
        b"<row><c s='1' r = '" + address.encode() + b"'><v>1</v></c></row></sheetData></worksheet>"
    )
    bomb = with_part(workbook(HEADINGS), "xl/worksheets/sheet1.xml", sheet)
    assert fault(bomb) == ["too_many_cells"]


def test_a_workbook_that_lies_about_its_sizes_is_refused() -> None:
    honest = with_part(workbook(HEADINGS, CELLS), "xl/styles.xml", bytes(5_000_000))
    true_size, claimed = (5_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little")
    assert fault(honest.replace(true_size, claimed)) == ["unreadable_file"]


def archive(parts: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for name, text in parts.items():
            made.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (
            archive(
                {
                    "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
                    "content.xml": "<office:document-content/>",
                }
            ),
            "a.ods",
        ),
        (
            archive(
                {
                    "[Content_Types].xml": "<Types/>",
                    "_rels/.rels": "<Relationships/>",
                    "word/document.xml": "<w:document/>",
                }
            ),
            "a.docx",
        ),
        (b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", "a.pdf"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "a.csv"),
    ],
)
def test_what_holds_no_sheet_is_told_what_does(content: bytes, filename: str) -> None:
    with pytest.raises(Invalid) as refused:
        open_table(content, filename, ImportKind.EXPERTS)
    [error] = refused.value.errors
    assert (error.pointer, error.code) == ("/file", "unsupported_format")
    assert error.message == Text("仅支持 xlsx、csv、jsonl", "Only xlsx, csv and jsonl are read")


def refuses_or_reads(content: bytes, filename: str) -> None:
    """No file ends in anything but rows, reported faults, or a file that is refused."""
    for kind in ImportKind:
        with suppress(Invalid):
            for chunk in Parser(kind).chunks(open_table(content, filename, kind)):
                assert all(result.faults for result in chunk.results)


NAMES = st.sampled_from(["a.xlsx", "a.csv", "a.jsonl", "a"])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2_000), NAMES)
def test_random_bytes(content: bytes, filename: str) -> None:
    refuses_or_reads(content, filename)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), NAMES)
def test_random_text_under_good_headings(text: str, filename: str) -> None:
    refuses_or_reads(f"姓名,单位\n{text}".encode("utf-8", "replace"), filename)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(sorted({*ExpertRow.model_fields, *DemandRow.model_fields}))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(FIELDS, JSON, max_size=5))
def test_random_json_in_known_fields(row: dict[str, Any]) -> None:
    refuses_or_reads(json_lines(row), "a.jsonl")


def test_json_nested_without_end() -> None:
    deep = b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refuses_or_reads(deep, "a.jsonl")


WORKBOOK = workbook(HEADINGS, *[CELLS] * 5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WORKBOOK) - 1), st.integers(0, 255)), max_size=20))
def test_a_damaged_workbook(damage: list[tuple[int, int]]) -> None:
    content = bytearray(WORKBOOK)
    for place, byte in damage:
        content[place] = byte
    refuses_or_reads(bytes(content), "a.xlsx")


SHEET = zipfile.ZipFile(io.BytesIO(WORKBOOK)).read("xl/worksheets/sheet1.xml")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SHEET)), st.integers(0, 30), st.binary(max_size=30))
def test_a_damaged_sheet_inside_a_sound_archive(start: int, length: int, insert: bytes) -> None:
    sheet = SHEET[:start] + insert + SHEET[start + length :]
    refuses_or_reads(with_part(WORKBOOK, "xl/worksheets/sheet1.xml", sheet), "a.xlsx")
