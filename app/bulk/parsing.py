"""Rows of a table, checked against the schema of their kind, in chunks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from app.bulk.amounts import Amount, amount, names_unit
from app.bulk.cells import field_values, text_of
from app.bulk.headings import CHINESE
from app.bulk.kinds import ImportKind
from app.bulk.reading import Table, TableRow
from app.bulk.refusals import refusals
from app.bulk.report import RowResult, rejected
from app.bulk.rows import ROWS, Key, Row
from app.interface.language import Text
from app.interface.validation import FieldError

CHUNK = 200  # rows

NOT_AN_OBJECT = FieldError(
    pointer="",
    code="json_invalid",
    message=Text("该行不是 JSON 对象", "The line is no JSON object"),
)


UNIT_ASSUMED = Text(
    "该列未写单位，按万元理解：{amount} 即 {amount} 万元（其余各行相同）",
    "The column names no unit: {amount} was read as {amount} times 10,000 yuan, and so on",
)
DOUBTFUL = Text(
    "{amount} 理解为 {amount} 万元；如以元计，请写“{amount}元”",
    "{amount} was read as {amount} times 10,000 yuan; write {amount}元 if it is yuan",
)


def _note(code: str, text: Text, found: Amount) -> FieldError:
    return FieldError(pointer="/budget", code=code, message=text.format(amount=found.text))


def _no_such_field(name: str) -> FieldError:
    message = Text("没有这个字段", "No such field")
    return FieldError(pointer=f"/{name[:100]}", code="extra_forbidden", message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedRow:
    """`notes`: how the row was understood where it could have meant something else."""

    number: int
    row: Row
    notes: Sequence[FieldError] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Up to 200 rows of a file: those that are valid, and the results of those that are not."""

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
            parsed = [self._parsed(row, table) for row in found]
            yield Chunk(
                size=len(found),
                rows=[p for p in parsed if isinstance(p, NumberedRow)],
                results=[p for p in parsed if isinstance(p, RowResult)],
            )

    def _parsed(self, table_row: TableRow, table: Table) -> NumberedRow | RowResult:
        number, values = table_row.number, table_row.values
        if values is None:
            return rejected(number, NOT_AN_OBJECT)
        # null states as little as an empty cell does
        stated = {name: value for name, value in values.items() if value is not None}
        if unknown := stated.keys() - CHINESE[self._kind].keys():
            return rejected(number, *(_no_such_field(name) for name in sorted(unknown)))
        try:
            row = self._schema.model_validate(
                field_values(self._kind, stated) if table.is_sheet else stated
            )
        except ValidationError as error:
            return rejected(number, *refusals(self._kind, error))
        if fault := self._repetition(row, number):
            return rejected(number, fault)
        notes = self._notes(stated, table) if table.is_sheet else []
        return NumberedRow(number=number, row=row, notes=notes)

    def _notes(self, cells: Mapping[str, object], table: Table) -> list[FieldError]:
        """A budget without a unit in a column without one, and wherever it is hard to believe."""
        found = amount(text_of(cells["budget"])) if "budget" in cells else None
        if found is None or found.has_unit:
            return []
        notes = []
        if found.is_doubtful:
            notes.append(_note("amount_doubtful", DOUBTFUL, found))
        if not names_unit(table.headings["budget"]):
            notes.append(_note("unit_assumed", UNIT_ASSUMED, found))
        return notes

    def _repetition(self, row: Row, number: int) -> FieldError | None:
        identities = row.identities()
        first = self._seen.get(identities[0])
        for key in identities:
            self._seen.setdefault(key, number)
        if first is None:
            return None
        message = Text("与第 {first} 行重复", "Row {first} means the same record")
        return FieldError(pointer="", code="repeated_in_file", message=message.format(first=first))
