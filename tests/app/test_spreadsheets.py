"""CSV for spreadsheets: read as UTF-8, and nothing in it is run."""

import csv
import io

import pytest

from app.spreadsheets import FORMULA_STARTS, csv_file, csv_rows


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_is_a_formula(start: str) -> None:
    made = csv_file([["row", "字段"], [2, f"{start}HYPERLINK(1)"]]).decode("utf-8-sig")
    _, row = csv.reader(io.StringIO(made, newline=""))
    assert row == ["2", f"'{start}HYPERLINK(1)"]


def test_flags_and_what_is_missing() -> None:
    assert csv_rows([[True, False, None, 0, ""]]).decode() == "是,,,0,\r\n"


def test_only_the_beginning_is_marked() -> None:
    assert csv_file([["字段"]]).startswith(b"\xef\xbb\xbf")
    assert not csv_rows([["字段"]]).startswith(b"\xef\xbb\xbf")
