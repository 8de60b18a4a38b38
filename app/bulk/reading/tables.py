"""A table that was read from a file: rows with the numbers people see."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.interface.errors import invalid_field
from app.interface.validation import FieldError

MAX_ROWS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row with its number in the file; `values` is None where the row is no JSON object.

    is_total: the last row, which sums up those above.
    """

    number: int
    values: dict[str, object] | None
    is_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`row_count` is exact but for blank rows, which `rows` leaves out.

    headings: of each field what people call its column: as the file has it, else as templates do.
        JSON Lines have none, their keys are the fields.
    notes: what is left out of the file.
    """

    row_count: int
    is_sheet: bool
    rows: Iterator[TableRow]
    headings: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[FieldError] = ()


def require_count(count: int) -> None:
    if count > MAX_ROWS:
        raise invalid_field(
            "/file",
            "too_many_rows",
            f"超过 {MAX_ROWS} 行，请分批导入",
            f"More than {MAX_ROWS} rows; import the file in parts",
        )
