"""The table in a file: .xlsx, .csv and JSON Lines."""

import codecs
import csv
import io
from collections.abc import Iterator
from enum import StrEnum
from functools import partial

from pydantic_core import from_json

from app.bulk.kinds import ImportKind
from app.bulk.reading.headed import headed_table
from app.bulk.reading.tables import Table, TableRow, require_count
from app.bulk.reading.workbooks import Cells, Sheet, sheets, unreadable, unsupported
from app.interface.errors import invalid_field

DELIMITERS = ",\t;；，"  # whichever parts the headings


class Format(StrEnum):
    XLSX = "xlsx"
    CSV = "csv"
    JSON_LINES = "jsonl"


def open_table(content: bytes, filename: str, kind: ImportKind) -> Table:
    """The table in a file.

    Raises Invalid for a file that is none, is too large, or has headings nobody knows. The rows
    themselves may raise Invalid, too, where a file breaks off in the middle.
    """
    match _format_of(content, filename):
        case Format.XLSX:
            return headed_table(sheets(content), kind)
        case Format.CSV:
            text = _decoded(content)
            return headed_table((_csv_sheet(text, delimiter) for delimiter in DELIMITERS), kind)
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
    if content.startswith(b"%PDF-"):
        raise unsupported()
    is_lines = filename.lower().endswith((".jsonl", ".ndjson"))
    return Format.JSON_LINES if is_lines or content.lstrip()[:1] == b"{" else Format.CSV


def _decoded(content: bytes) -> str:
    """UTF-16, which spreadsheets call Unicode text, is known by its mark."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise unreadable()


def _json_lines(text: str) -> Table:
    lines = text.split("\n")
    count = sum(1 for line in lines if line.strip())
    require_count(count)
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


def _csv_sheet(text: str, delimiter: str) -> Sheet:
    rows = partial(_csv_rows, text, delimiter)
    return Sheet(height=lambda: sum(1 for _ in rows()), rows=rows)


def _csv_rows(text: str, delimiter: str) -> Iterator[Cells]:
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield list(row)
    except csv.Error:
        raise unreadable() from None
