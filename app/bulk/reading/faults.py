"""What is wrong with a row, in the words of whoever filled in the file."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.bulk.kinds import ImportKind
from app.bulk.sheets.amounts import is_range
from app.bulk.sheets.cells import Shape, shape_of
from app.bulk.sheets.formats import format_of
from app.bulk.sheets.headings import CHINESE
from app.bulk.sheets.names import nearest
from app.interface.language import Text
from app.interface.validation import FieldError, field_errors

MAX_VALUE = 50  # characters
# What is kept sealed in records is not repeated in reports, which are not.
PRIVATE = frozenset(
    {"name", "people", "orcid", "phone", "email", "contact_name", "contact_phone", "contact_email"}
)
# These say all there is to say.
PLAIN = frozenset({"missing", "extra_forbidden", "string_too_long", "too_long"})
# What the cell says is understood, and refused for what it means.
UNDERSTOOD = frozenset({"confidential"})
# A spreadsheet keeps 15 digits of a number, and shows fewer.
ROUNDED = re.compile(r"\d(\.\d+)?[eE]\+?\d+|\d{15}0{3}")
EXACT_BELOW = 10**15
AS_TEXT = Text(
    "表格软件已把它当作数字舍去末几位，请将该列设为文本后重新填写",
    "a spreadsheet has rounded it as a number: format the column as text and enter it anew",
)
RANGE = Text(
    "是一个范围，请只填一个金额，如上限“80万元”",
    "This is a range; give one amount, such as its upper end, 80万元",
)


def faults_of(
    kind: ImportKind, error: ValidationError, cells: Mapping[str, object]
) -> list[FieldError]:
    """The row's faults, each with the bad value and what should stand there.

    cells: of a sheet's row, as they were before they were read as values.
    """
    found: Sequence[Any] = error.errors()
    return [
        _explained(kind, fault, item, cells)
        for fault, item in zip(field_errors(found), found, strict=False)
    ]


def _explained(
    kind: ImportKind, fault: FieldError, item: Mapping[str, Any], cells: Mapping[str, object]
) -> FieldError:
    field = str(item["loc"][0]) if item["loc"] else ""
    if field not in CHINESE[kind] or fault.code in PLAIN:
        return fault
    zh, en = fault.message
    told = format_of(kind, field).text
    if shape_of(kind, field) is Shape.AMOUNT and is_range(str(item["input"])):
        zh, en = RANGE
    elif told.zh and fault.code == "enum":
        zh, en = told
    elif told.zh and fault.code not in UNDERSTOOD:
        zh, en = f"{zh}（{told.zh}）", f"{en} ({told.en})"
    if field == "unified_social_credit_code" and _is_rounded(cells.get(field)):
        zh, en = f"{zh}；{AS_TEXT.zh}", f"{en}; {AS_TEXT.en}"
    if near := nearest(field, str(item["input"])):
        named = "、".join(f"{code} {name}" for code, name in near)
        zh, en = f"{zh}；相近的有：{named}", f"{en}; near it: {named}"
    if value := _value(kind, field, item["input"]):
        zh, en = f"“{value}”：{zh}", f"“{value}”: {en}"
    return FieldError(pointer=fault.pointer, code=fault.code, message=Text(zh, en))


def _is_rounded(cell: object) -> bool:
    """Whether a spreadsheet took the cell for a number, and kept less of it than was typed.

    A file of text shows it only by its zeros, or as 9.1E+17.
    """
    if isinstance(cell, int | float):
        return abs(cell) >= EXACT_BELOW
    return ROUNDED.fullmatch(str(cell)) is not None


def _value(kind: ImportKind, field: str, value: object) -> str:
    """The value as it stands in the file, where that gives away nothing and is no long text."""
    has_format = bool(format_of(kind, field).text.zh) or shape_of(kind, field) is not Shape.TEXT
    if field in PRIVATE or not has_format or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    text = str(value).replace("\0", "").strip()
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
