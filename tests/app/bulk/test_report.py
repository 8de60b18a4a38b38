"""The report as a file."""

import csv
import io

from app.bulk.report import (
    MAX_ENTRIES,
    Outcome,
    Report,
    RowResult,
    as_csv,
    refused,
)
from app.interface.language import Text
from app.interface.validation import FieldError


def fault(text: str) -> FieldError:
    return FieldError(pointer=f"/{text}", code="extra_forbidden", message=Text(text, text))


def test_a_value_from_the_file_is_no_formula() -> None:
    report = Report()
    report.add([refused(2, fault("=HYPERLINK(1)"))])
    text = as_csv(report.entries, is_cut=False).decode("utf-8-sig")
    _, row = csv.reader(io.StringIO(text, newline=""))
    assert (row[0], row[2]) == ("2", "'=HYPERLINK(1)")


def test_it_says_when_it_is_cut() -> None:
    last = as_csv([], is_cut=True).decode("utf-8-sig").splitlines()[-1]
    assert "每类仅列出前 1000 条" in last
    assert "the first 1,000 of each kind" in last


def test_a_fault_of_the_whole_file_is_no_refused_row() -> None:
    report = Report()
    report.add([refused(None, fault("file"))])
    assert not report.counts
    assert report.entries[0]["row"] is None


def test_what_is_said_of_the_whole_file_holds_though_nothing_was_written() -> None:
    report = Report()
    note = FieldError(pointer="/title", code="noted", message=Text("注", "noted"))
    report.add([RowResult(row=None, outcome=Outcome.NOTED, notes=[note])])
    rows = range(1, MAX_ENTRIES + 2)
    report.add([RowResult(row=n, outcome=Outcome.CREATED, notes=[note]) for n in rows])
    assert report.is_cut
    report.forget_written()
    assert [entry["row"] for entry in report.entries] == [None]
    assert not report.is_cut


def test_what_valid_rows_lack_is_counted_as_it_is_listed() -> None:
    report = Report()
    lacking = FieldError(pointer="/title", code="missing", message=Text("缺", "lacking"))
    report.add([RowResult(row=2, outcome=Outcome.CREATED, faults=[lacking])])
    report.add([refused(3, fault("x"))])
    report.forget_written()
    assert report.counts == {Outcome.INCOMPLETE: 1, Outcome.REFUSED: 1}
    assert [entry["outcome"] for entry in report.entries] == ["incomplete", "rejected"]


def test_only_what_holds_for_no_row_is_of_the_file() -> None:
    """A row of JSON Lines may have a key of that name."""
    report = Report()
    report.add([refused(None, fault("file")), refused(1, fault("file")), refused(None, fault(""))])
    assert [entry["heading"] for entry in report.entries] == ["文件", "", ""]
