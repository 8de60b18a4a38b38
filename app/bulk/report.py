"""What became of each row, and the report of those that need somebody's attention."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.database import JsonObject
from app.interface.errors import Problem
from app.interface.language import Text
from app.interface.validation import FieldError
from app.spreadsheets import csv_file

MAX_ENTRIES = 1_000
MAX_FIELD = 200  # characters
WHOLE_FILE = "文件"  # the heading, in the place of a column's, of what holds for no row

# What values may bring our code to raise where nobody foresaw them; what the database or the
# network raises is no row's fault.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
INTERNAL_ERROR = FieldError(
    pointer="",
    code="internal_error",
    message=Text(
        "处理该行时发生内部错误，已记入日志，请告知管理员",
        "An internal error came up at this row; it is in the log, tell the administrator",
    ),
)

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "rejected"  # as the interface has called it from the first
    INCOMPLETE = "incomplete"
    NOTED = "noted"


# What an import counts of its rows; a note is of a row that is counted already.
COUNTED = tuple(outcome for outcome in Outcome if outcome is not Outcome.NOTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """One row's fate; the faults of an accepted row are what it still lacks.

    is_in_pool: the accepted row's record is published, or found, for all that it lacks.
    notes: what was done or understood that whoever wrote the row may not have meant.
    column_notes: the same of a whole column, told with the first row that is accepted.
    """

    row: int | None
    outcome: Outcome
    is_in_pool: bool = False
    faults: Sequence[FieldError] = ()
    notes: Sequence[FieldError] = ()
    column_notes: Sequence[FieldError] = ()


def refused(row: int | None, *faults: FieldError) -> RowResult:
    return RowResult(row=row, outcome=Outcome.REFUSED, faults=faults)


def refused_unforeseen(row: int, error: Exception) -> RowResult:
    """People are told the row, operators the error; one row must not end a whole file."""
    logger.error("row %d of an import brought up an unforeseen error", row, exc_info=error)
    return refused(row, INTERNAL_ERROR)


def refused_by(row: int | None, problem: Problem) -> RowResult:
    """The problem's field errors, or the problem itself as one."""
    whole = FieldError(pointer="", code=problem.code, message=problem.detail or problem.title)
    return refused(row, *(problem.errors or (whole,)))


@dataclass(eq=False, kw_only=True)
class Report:
    """Counts all rows and notes, and keeps the first thousand entries of each outcome.

    headings: what the file calls the column of each field.
    noted: how many notes there were of each code.
    """

    headings: Mapping[str, str] = field(default_factory=dict)
    counts: Counter[Outcome] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    entries: list[JsonObject] = field(default_factory=list)
    _kept: Counter[Outcome] = field(default_factory=Counter)
    _cut: set[Outcome] = field(default_factory=set)
    _met: set[tuple[str, str]] = field(default_factory=set)

    def add(self, results: Iterable[RowResult]) -> None:
        for result in results:
            outcome = result.outcome
            if result.row is not None:
                self.counts[outcome] += 1
            if outcome is not Outcome.REFUSED and result.faults:
                outcome = Outcome.INCOMPLETE
                self.counts[outcome] += 1
            for fault in result.faults:
                self._keep(result, outcome, fault)
            for note in [*result.notes, *self._untold(result.column_notes)]:
                self.noted[note.code] += 1
                self._keep(result, Outcome.NOTED, note)

    def forget_written(self) -> None:
        """Nothing was kept: what would have been written was not.

        What valid rows lack is told all the same, so that it can be filled in with the next try.
        """
        for outcome in (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED):
            del self.counts[outcome]
        self.noted.clear()
        self._cut.discard(Outcome.NOTED)
        # What is noted of the file as a whole, which is no row's, holds all the same.
        self.entries = [
            entry | {"is_in_pool": False}
            for entry in self.entries
            if entry["outcome"] != Outcome.NOTED or entry["row"] is None
        ]

    @property
    def is_cut(self) -> bool:
        """Whether more was found than is listed."""
        return bool(self._cut)

    def _untold(self, column_notes: Iterable[FieldError]) -> list[FieldError]:
        untold = [note for note in column_notes if (note.pointer, note.code) not in self._met]
        self._met |= {(note.pointer, note.code) for note in untold}
        return untold

    def _keep(self, result: RowResult, outcome: Outcome, fault: FieldError) -> None:
        if self._kept[outcome] >= MAX_ENTRIES:
            self._cut.add(outcome)
            return
        self._kept[outcome] += 1
        name = fault.pointer.removeprefix("/")
        is_whole_file = result.row is None and name == "file"
        heading = WHOLE_FILE if is_whole_file else self.headings.get(name.partition("/")[0], "")
        self.entries.append(
            {
                "row": result.row,
                "outcome": outcome.value,
                "is_in_pool": result.is_in_pool,
                "field": _storable(name),
                "heading": _storable(heading),
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
    "is_in_pool": "已公开或入库 in pool",
}
CUT = f"每类仅列出前 {MAX_ENTRIES} 条 · only the first {MAX_ENTRIES:,} of each kind are listed"


def as_csv(entries: Iterable[JsonObject], *, is_cut: bool) -> bytes:
    """The report for a spreadsheet."""
    rows = [[entry.get(name) for name in COLUMNS] for entry in entries]
    return csv_file([[*COLUMNS.values()], *rows, *([[CUT]] if is_cut else [])])
