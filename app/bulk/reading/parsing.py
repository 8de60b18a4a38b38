"""Rows of a table, checked against the schema of their kind, in chunks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from app.bulk.kinds import ImportKind
from app.bulk.reading.faults import faults_of
from app.bulk.reading.tables import Table, TableRow
from app.bulk.report import UNFORESEEN, Outcome, RowResult, refused, refused_unforeseen
from app.bulk.rows import ROWS, Key, Row
from app.bulk.sheets.amounts import Amount, amount, names_unit
from app.bulk.sheets.cells import (
    Shape,
    completed,
    field_values,
    is_left_open,
    shape_of,
    text_of,
)
from app.bulk.sheets.headings import CHINESE
from app.interface.language import Text
from app.interface.validation import FieldError

CHUNK = 200  # rows

NOT_AN_OBJECT = FieldError(
    pointer="",
    code="json_invalid",
    message=Text("该行不是 JSON 对象", "The line is no JSON object"),
)

TOTAL_SKIPPED = FieldError(
    pointer="",
    code="total_skipped",
    message=Text("合计行，未导入", "A row of totals, not imported"),
)
UNIT_ASSUMED = Text(
    "该列未写单位，按万元理解：{amount} 即 {amount} 万元（其余各行相同）",
    "The column names no unit: {amount} was read as {amount} times 10,000 yuan, and so on",
)
DOUBTFUL = Text(
    "{amount} 理解为 {amount} 万元；如以元计，请写“{amount}元”",
    "{amount} was read as {amount} times 10,000 yuan; write {amount}元 if it is yuan",
)
AMOUNT_OPEN = Text("“{cell}”：金额留空", "{cell}: the amount is left empty")
MONTH_COMPLETED = Text("“{cell}”按 {day} 导入", "{cell} was read as {day}")


def _note(field: str, code: str, text: Text, **values: str) -> FieldError:
    return FieldError(pointer=f"/{field}", code=code, message=text.format(**values))


def _no_such_field(name: str) -> FieldError:
    message = Text("没有这个字段", "No such field")
    return FieldError(pointer=f"/{name[:100]}", code="extra_forbidden", message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedRow:
    """How the row was understood where it could have meant something else is in its notes.

    column_notes: of these what holds for the whole column, to be told once.
    """

    number: int
    row: Row
    notes: Sequence[FieldError] = ()
    column_notes: Sequence[FieldError] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Up to 200 rows of a file: those that are valid, and the results of the others."""

    size: int
    rows: list[NumberedRow]
    results: list[RowResult]

    def in_order(self, written: Sequence[RowResult]) -> list[RowResult]:
        """The results of all rows, by row number."""
        return sorted([*self.results, *written], key=lambda result: result.row or 0)


class Parser:
    """Checks rows; remembers which records the file has named, since none may come twice."""

    def __init__(self, kind: ImportKind) -> None:
        self._kind = kind
        self._schema = ROWS[kind]
        self._seen: dict[Key, int] = {}

    def chunks(self, table: Table) -> Iterator[Chunk]:
        """All rows of the table, in order."""
        while found := list(islice(table.rows, CHUNK)):
            parsed = [self._parsed_or_refused(row, table) for row in found]
            yield Chunk(
                size=len(found),
                rows=[p for p in parsed if isinstance(p, NumberedRow)],
                results=[p for p in parsed if isinstance(p, RowResult)],
            )

    def _parsed_or_refused(self, row: TableRow, table: Table) -> NumberedRow | RowResult:
        try:
            return self._parsed(row, table)
        except UNFORESEEN as error:
            return refused_unforeseen(row.number, error)

    def _parsed(self, table_row: TableRow, table: Table) -> NumberedRow | RowResult:
        number, values = table_row.number, table_row.values
        if values is None:
            return refused(number, NOT_AN_OBJECT)
        if table_row.is_total:
            return RowResult(row=number, outcome=Outcome.NOTED, notes=[TOTAL_SKIPPED])
        # null states as little as an empty cell does
        stated = {name: value for name, value in values.items() if value is not None}
        if unknown := stated.keys() - CHINESE[self._kind].keys():
            return refused(number, *(_no_such_field(name) for name in sorted(unknown)))
        try:
            row = self._schema.model_validate(
                field_values(self._kind, stated) if table.is_sheet else stated
            )
        except ValidationError as error:
            cells = stated if table.is_sheet else {}
            return refused(number, *faults_of(self._kind, error, cells))
        if fault := self._repetition(row, number):
            return refused(number, fault)
        bare = self._without_unit(stated) if table.is_sheet else {}
        others = self._understood(stated) if table.is_sheet else []
        return NumberedRow(
            number=number,
            row=row,
            notes=others
            + [
                _note(field, "amount_doubtful", DOUBTFUL, amount=found.text)
                for field, found in bare.items()
                if found.is_doubtful
            ],
            column_notes=[
                _note(field, "unit_assumed", UNIT_ASSUMED, amount=found.text)
                for field, found in bare.items()
                if not names_unit(table.headings[field])
            ],
        )

    def _understood(self, cells: Mapping[str, object]) -> list[FieldError]:
        """Amounts that are left open, and months in the place of days."""
        found = []
        for field, cell in cells.items():
            text = text_of(cell)
            if is_left_open(self._kind, field, cell):
                found.append(_note(field, "amount_open", AMOUNT_OPEN, cell=text))
            elif shape_of(self._kind, field) is Shape.DATE and (day := completed(field, text)):
                found.append(_note(field, "month_completed", MONTH_COMPLETED, cell=text, day=day))
        return found

    def _without_unit(self, cells: Mapping[str, object]) -> dict[str, Amount]:
        """The fields whose amounts do not say in what they are."""
        found = {
            field: amount(text_of(cell))
            for field, cell in cells.items()
            if shape_of(self._kind, field) is Shape.AMOUNT
        }
        return {field: bare for field, bare in found.items() if bare and not bare.has_unit}

    def _repetition(self, row: Row, number: int) -> FieldError | None:
        identities = row.identities()
        first = self._seen.get(identities[0])
        for key in identities:
            self._seen.setdefault(key, number)
        if first is None:
            return None
        message = Text("与第 {first} 行重复", "Row {first} means the same record")
        return FieldError(pointer="", code="repeated_in_file", message=message.format(first=first))
