"""Tables in files: .xlsx, .csv and JSON Lines, read row by row with the numbers people see."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

from pydantic_core import from_json

from app.bulk.kinds import ImportKind
from app.bulk.reading.workbooks import Cells, first_sheet, unreadable
from app.bulk.sheets.headings import field_of, template_headings
from app.interface.errors import Invalid, Problem, invalid_field
from app.interface.language import Text
from app.interface.validation import FieldError

MAX_ROWS = 200_000
MAX_COLUMNS = 52


class Format(StrEnum):
    XLSX = "xlsx"
    CSV = "csv"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row with its number in the file; `values` is None where the row is no JSON object."""

    number: int
    values: dict[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`row_count` is exact but for blank rows, which `rows` leaves out.

    headings: of each field what people call its column: as the file has it, else as templates do.
        JSON Lines have none, their keys are the fields.
    """

    row_count: int
    is_sheet: bool
    rows: Iterator[TableRow]
    headings: Mapping[str, str] = field(default_factory=dict)


def open_table(content: bytes, filename: str, kind: ImportKind) -> Table:
    """The table in a file.

    Raises Invalid for a file that is none, is too large, or has headings nobody knows. The rows
    themselves may raise Invalid, too, where a file breaks off in the middle.
    """
    match _format_of(content, filename):
        case Format.XLSX:
            height, cells = first_sheet(content)
            return _sheet(height, cells, kind)
        case Format.CSV:
            text = _decoded(content)
            return _sheet(sum(1 for _ in _csv_rows(text)), _csv_rows(text), kind)
        case Format.JSON_LINES:
            return _json_lines(_decoded(content))


def _format_of(content: bytes, filename: str) -> Format:
    """By the first bytes, which cannot be misnamed, then by the name's end."""
    if content.startswith(b"PK\x03\x04"):
        return Format.XLSX
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise invalid_field(
            "/file",
            "unsupported_format",
            "不支持旧版 .xls 或加密文件，请另存为 .xlsx",
            "Old .xls and encrypted files are not supported; save it as .xlsx",
        )
    is_lines = filename.lower().endswith((".jsonl", ".ndjson"))
    return Format.JSON_LINES if is_lines or content.lstrip()[:1] == b"{" else Format.CSV


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise unreadable()


def _json_lines(text: str) -> Table:
    lines = text.split("\n")
    count = sum(1 for line in lines if line.strip())
    _require_count(count)
    rows = (
        TableRow(number=number, values=_json_object(line))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
    return Table(row_count=count, is_sheet=False, rows=rows)


def _json_object(line: str) -> dict[str, object] | None:
    try:
        value = from_json(line, allow_inf_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _csv_rows(text: str) -> Iterator[Cells]:
    heading = text.lstrip().partition("\n")[0]
    delimiter = "\t" if "\t" in heading and "," not in heading else ","
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield list(row)
    except csv.Error:
        raise unreadable() from None


def _sheet(height: int, cells: Iterator[Cells], kind: ImportKind) -> Table:
    """The rows under the first row that is not blank."""
    numbered = ((n, row) for n, row in enumerate(cells, start=1) if any(map(_is_filled, row)))
    first = next(numbered, None)
    if first is None:
        raise _empty()
    _require_count(height - first[0])
    columns = _columns(first[1], kind)
    rows = (TableRow(number=n, values=_values(columns, row)) for n, row in numbered)
    second = next(rows, None)
    if second is None:
        raise _empty()
    own = {f: str(h).strip() for f, h in zip(columns, first[1], strict=True) if f is not None}
    return Table(
        row_count=height - first[0],
        is_sheet=True,
        rows=chain([second], rows),
        headings=template_headings(kind) | own,
    )


def _columns(headings: Cells, kind: ImportKind) -> list[str | None]:
    """The field of each column; None for a column without a heading."""
    if len(headings) > MAX_COLUMNS:
        raise invalid_field("/file", "too_many_columns", "列数超过 52", "More than 52 columns")
    columns = [field_of(kind, str(h)) if _is_filled(h) else None for h in headings]
    faults = [
        _heading_fault("unknown_heading", "无法识别的列名：{name}", "Unknown heading: {name}", h)
        for h, found in zip(headings, columns, strict=True)
        if _is_filled(h) and found is None
    ]
    faults += [
        _heading_fault("repeated_heading", "列名重复：{name}", "Repeated heading: {name}", h)
        for n, (h, found) in enumerate(zip(headings, columns, strict=True))
        if found is not None and found in columns[:n]
    ]
    if faults:
        raise Invalid(errors=faults)
    return columns


def _heading_fault(code: str, zh: str, en: str, heading: object) -> FieldError:
    message = Text(zh, en).format(name=str(heading)[:50])
    return FieldError(pointer="/file", code=code, message=message)


def _values(columns: list[str | None], row: Cells) -> dict[str, object]:
    """An empty cell states nothing."""
    return {f: cell for f, cell in zip(columns, row, strict=False) if f and _is_filled(cell)}


def _is_filled(cell: object) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _require_count(count: int) -> None:
    if count > MAX_ROWS:
        raise invalid_field(
            "/file",
            "too_many_rows",
            f"超过 {MAX_ROWS} 行，请分批导入",
            f"More than {MAX_ROWS} rows; import the file in parts",
        )


def _empty() -> Problem:
    return invalid_field("/file", "empty_file", "文件中没有数据行", "The file holds no rows")
