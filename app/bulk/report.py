"""What became of each row, and the report of those that need somebody's attention."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.database import JsonObject
from app.interface.errors import Problem
from app.interface.validation import FieldError

MAX_ENTRIES = 1_000
MAX_FIELD = 200  # characters
# Notes that hold for every row alike.
TOLD_ONCE = frozenset({"unit_assumed", "region_assumed"})
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    INCOMPLETE = "incomplete"
    NOTED = "noted"


# What an import counts of its rows; a note is of a row that is counted already.
COUNTED = tuple(outcome for outcome in Outcome if outcome is not Outcome.NOTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """One row's fate; the faults of an accepted row are what it still lacks.

    notes: what was done or understood that whoever wrote the row may not have meant.
    """

    row: int | None
    outcome: Outcome
    faults: Sequence[FieldError] = ()
    notes: Sequence[FieldError] = ()


def rejected(row: int | None, *faults: FieldError) -> RowResult:
    return RowResult(row=row, outcome=Outcome.REJECTED, faults=faults)


def rejected_by(row: int | None, problem: Problem) -> RowResult:
    """The problem's field errors, or the problem itself as one."""
    whole = FieldError(pointer="", code=problem.code, message=problem.detail or problem.title)
    return rejected(row, *(problem.errors or (whole,)))


@dataclass(eq=False, kw_only=True)
class Report:
    """Counts all rows and keeps the first thousand faults of each kind.

    headings: what the file calls the column of each field.
    """

    headings: Mapping[str, str] = field(default_factory=dict)
    counts: Counter[Outcome] = field(default_factory=Counter)
    entries: list[JsonObject] = field(default_factory=list)
    is_cut: bool = False
    _kept: Counter[Outcome] = field(default_factory=Counter)
    _told: set[str] = field(default_factory=set)

    def add(self, results: Iterable[RowResult]) -> None:
        for result in results:
            outcome = result.outcome
            if result.row is not None:
                self.counts[outcome] += 1
            if outcome is not Outcome.REJECTED and result.faults:
                outcome = Outcome.INCOMPLETE
                self.counts[outcome] += 1
            for fault in result.faults:
                self._keep(result.row, outcome, fault)
            for note in result.notes:
                if note.code not in self._told:
                    self._keep(result.row, Outcome.NOTED, note)
                self._told |= {note.code} & TOLD_ONCE

    def forget_written(self) -> None:
        """Nothing was kept: what would have been written was not."""
        for outcome in (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.INCOMPLETE):
            del self.counts[outcome]
        self.entries = [entry for entry in self.entries if entry["outcome"] != Outcome.NOTED]

    def _keep(self, row: int | None, outcome: Outcome, fault: FieldError) -> None:
        if self._kept[outcome] >= MAX_ENTRIES:
            self.is_cut = True
            return
        self._kept[outcome] += 1
        name = fault.pointer.removeprefix("/")
        self.entries.append(
            {
                "row": row,
                "outcome": outcome.value,
                "field": _storable(name),
                "heading": _storable(self.headings.get(name.partition("/")[0], "")),
                "code": fault.code,
                "message_zh": fault.message.zh,
                "message_en": fault.message.en,
            }
        )


def _storable(name: str) -> str:
    """A field's name as the file has it: JSONB takes no NUL, and people no endless name."""
    return name.replace("\0", "")[:MAX_FIELD]


COLUMNS = {
    "row": "行号 row",
    "outcome": "结果 outcome",
    "field": "字段 field",
    "code": "代码 code",
    "message_zh": "说明",
    "message_en": "message",
    "heading": "列名 heading",
}
CUT = "仅列出前 1000 条 · only the first 1,000 are listed"


def as_csv(entries: Iterable[JsonObject], *, is_cut: bool) -> bytes:
    """The report for a spreadsheet: UTF-8 with a mark, no cell of which is a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS.values())
    for entry in entries:
        writer.writerow([spreadsheet_cell(entry.get(name)) for name in COLUMNS])
    if is_cut:
        writer.writerow([CUT])
    return text.getvalue().encode("utf-8-sig")


def spreadsheet_cell(value: object) -> str:
    """A spreadsheet would run a cell that begins like a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
