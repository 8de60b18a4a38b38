"""A sheet's cells as the values that a row's fields take: lists split, words and dates read."""

import re
from calendar import monthrange
from collections.abc import Hashable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import get_args, get_origin

from app.bulk.kinds import ImportKind
from app.bulk.rows import EVIDENCE_COLUMNS, ROWS
from app.bulk.sheets.amounts import amount, is_open
from app.bulk.sheets.labels import labels
from app.bulk.sheets.names import CODES, TABLES, code_named, narrow, plain

# From the coarsest: a title may hold commas of either kind, a name enumeration commas. What is in
# brackets stays together, and so do the numbers of a compound: 1,4-丁二醇, N,N-二甲基甲酰胺.
OUTSIDE_BRACKETS = r"(?![^()（）]{0,60}[)）])"
BETWEEN_WORDS = (
    re.compile(r"[;；\n]"),
    re.compile(rf"(?:，|(?<![\dNO]),|,(?![\dNO][\dNO,]{{0,20}}-)){OUTSIDE_BRACKETS}"),
    re.compile(rf"、{OUTSIDE_BRACKETS}"),
)
BETWEEN_TITLES = BETWEEN_WORDS[:1]
TRUE_WORDS = frozenset({"是", "有", "y", "yes", "true", "1", "√"})
FALSE_WORDS = frozenset({"否", "无", "n", "no", "false", "0", "×"})
WHOLE = re.compile(r"-?\d{1,18}")
MONTH = re.compile(r"(\d{4})\s*[-/年]\s*(\d{1,2})\s*月?")
DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
# A month ends these periods on its last day.
LAST_DAYS = frozenset({"period_until_on", "reduced_until_on", "do_not_contact_until_on"})


class Shape(StrEnum):
    """How a cell is read; in JSON Lines the value has the type of the record's field."""

    TEXT = "text"
    LIST = "list"
    BOOL = "bool"
    INT = "int"
    DATE = "date"
    AMOUNT = "amount"


SHAPES = {bool: Shape.BOOL, int: Shape.INT, date: Shape.DATE, Decimal: Shape.AMOUNT}


def field_values(kind: ImportKind, cells: dict[str, object]) -> dict[str, object]:
    """What the row states, in the form that its schema checks."""
    return {
        field: _value(kind, field, cell)
        for field, cell in cells.items()
        if not is_left_open(kind, field, cell)
    }


def is_left_open(kind: ImportKind, field: str, cell: object) -> bool:
    """Whether the cell says that its amount is to be agreed upon."""
    return shape_of(kind, field) is Shape.AMOUNT and is_open(text_of(cell))


def _value(kind: ImportKind, field: str, cell: object) -> object:
    text = text_of(cell)
    match shape_of(kind, field):
        case Shape.LIST:
            between = BETWEEN_TITLES if field in EVIDENCE_COLUMNS else BETWEEN_WORDS
            return [_coded(kind, field, part) for part in _parts(kind, field, text, between)]
        case Shape.BOOL:
            return _truth(text)
        case Shape.INT:
            return int(text) if WHOLE.fullmatch(text) else text
        case Shape.DATE:
            return completed(field, text) or _date(text)
        case Shape.AMOUNT:
            return found.text if (found := amount(text)) else text
        case _:
            return _coded(kind, field, text)


def _parts(
    kind: ImportKind, field: str, text: str, between: Sequence[re.Pattern[str]]
) -> list[str]:
    """A name that itself has an enumeration comma stays whole."""
    coarsest, *finer = between
    parts: list[str] = []
    for part in filter(None, map(str.strip, coarsest.split(text))):
        is_whole = not finer or _code(kind, field, part) is not None
        parts += [part] if is_whole else _parts(kind, field, part, finer)
    return parts


def _coded(kind: ImportKind, field: str, text: str) -> str:
    """The code that a name stands for; what is no such name, or that of several, is left."""
    if field in CODES:
        return narrow(text)
    is_coded = field in TABLES or field in labels(kind)
    return _code(kind, field, text) or (plain(text) if is_coded else text)


def _code(kind: ImportKind, field: str, text: str) -> str | None:
    names = labels(kind).get(field, {})
    return names.get(plain(text)) or code_named(field, text)


def text_of(cell: object) -> str:
    """The cell as a person reads it: a whole number has no decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell).strip()


def _truth(text: str) -> object:
    """True or false where the word is known; what is not is left for the schema to refuse."""
    word = text.lower()
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else text


def _date(text: str) -> str:
    """2026/3/1, 2026.3.1 and 2026年3月1日 as 2026-03-01."""
    found = DATE.fullmatch(text)
    return "{}-{:0>2}-{:0>2}".format(*found.groups()) if found else text


def completed(field: str, text: str) -> str | None:
    """The day that a month means, of a field that begins or ends a period: its first or last.

    None for what is no such month. 2027.1 is none: a spreadsheet writes 2027.10 so, too.

    >>> completed("period_until_on", "2027年2月"), completed("period_from_on", "2027-2")
    ('2027-02-28', '2027-02-01')
    """
    found = MONTH.fullmatch(text)
    year, month = map(int, found.groups()) if found else (0, 0)
    if not 1 <= month <= 12:
        return None
    day = monthrange(year, month)[1] if field in LAST_DAYS else 1
    return f"{year:04}-{month:02}-{day:02}"


@cache
def shape_of(kind: ImportKind, field: str) -> Shape:
    """How a cell of the field is read."""
    annotation = ROWS[kind].model_fields[field].annotation
    if get_origin(annotation) is list:
        return Shape.LIST
    return next(
        (shape for kind, shape in SHAPES.items() if kind in _types_in(annotation)), Shape.TEXT
    )


def _types_in(annotation: object) -> set[object]:
    """The types inside of `Annotated[date, …] | None`."""
    inner = [arg for arg in get_args(annotation) if isinstance(arg, Hashable)]
    return {annotation}.union(*map(_types_in, inner)) if inner else {annotation}
