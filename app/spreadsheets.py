"""CSV as spreadsheets want it: UTF-8 with a mark, and no cell that is run as a formula."""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence

MARK = codecs.BOM_UTF8
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def csv_file(rows: Iterable[Sequence[object]]) -> bytes:
    """A whole file, or the beginning of one that `csv_rows` continue."""
    return MARK + csv_rows(rows)


def csv_rows(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    """A spreadsheet would run a cell that begins like a formula."""
    text = "" if value is None or value is False else "是" if value is True else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
