"""A sheet's cells as the values that a row's fields take: lists split, words and dates read."""

import re
from collections.abc import Hashable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import get_args, get_origin

from app.bulk.kinds import ImportKind
from app.bulk.rows import EVIDENCE_COLUMNS, ROWS
from app.bulk.sheets.amounts import amount
from app.bulk.sheets.labels import labels

BETWEEN_WORDS = re.compile(r"[;；、\n]")
BETWEEN_TITLES = re.compile(r"[;；\n]")  # a title may well hold an enumeration comma
TRUE_WORDS = frozenset({"是", "有", "y", "yes", "true", "1", "√"})
FALSE_WORDS = frozenset({"否", "无", "n", "no", "false", "0", "×"})
WHOLE = re.compile(r"-?\d{1,18}")
DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")


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
    return {field: _value(kind, field, cell) for field, cell in cells.items()}


def _value(kind: ImportKind, field: str, cell: object) -> object:
    text = text_of(cell)
    names = labels(kind).get(field, {})
    match shape_of(kind, field):
        case Shape.LIST:
            between = BETWEEN_TITLES if field in EVIDENCE_COLUMNS else BETWEEN_WORDS
            parts = [part.strip() for part in between.split(text)]
            return [names.get(part, part) for part in parts if part]
        case Shape.BOOL:
            return _truth(text)
        case Shape.INT:
            return int(text) if WHOLE.fullmatch(text) else text
        case Shape.DATE:
            return _date(text)
        case Shape.AMOUNT:
            return found.text if (found := amount(text)) else text
        case _:
            return names.get(text, text)


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


@cache
def shape_of(kind: ImportKind, field: str) -> Shape:
    """How a cell of the field is read."""
    annotation = ROWS[kind].model_fields[field].annotation
    if get_origin(annotation) is list:
        return Shape.LIST
    return next((shape for kind, shape in SHAPES.items() if kind in _parts(annotation)), Shape.TEXT)


def _parts(annotation: object) -> set[object]:
    """The types inside of `Annotated[date, …] | None`."""
    inner = [arg for arg in get_args(annotation) if isinstance(arg, Hashable)]
    return {annotation}.union(*map(_parts, inner)) if inner else {annotation}
