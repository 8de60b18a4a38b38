"""Which columns a file of each kind may have, told to whoever fills one in."""

import csv
import io
from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.bulk.kinds import ImportKind
from app.bulk.rows import ROWS
from app.bulk.sheets.cells import Shape, shape_of
from app.bulk.sheets.formats import format_of, words
from app.bulk.sheets.headings import CHINESE, template_headings


class ColumnBody(BaseModel):
    """One column that a file may have; none but the required ones must be there."""

    field: str = Field(description="the heading that always works, and the key in JSON Lines")
    headings: list[str] = Field(description="the Chinese headings that mean the same")
    shape: Shape = Field(
        description="list: 多项，怎样分隔见 format · several, parted as format says"
    )
    is_required: bool
    words: list[str] = Field(description="what the cell may say; empty where it is free")
    format_zh: str = Field(description="怎样填写 · how to fill it in; empty where it is free")
    format_en: str
    example: str = Field(description="a cell that is read; empty where it is free")


def columns(kind: ImportKind) -> list[ColumnBody]:
    """In the order of the form on paper."""
    return [_column(kind, field, chinese) for field, chinese in CHINESE[kind].items()]


def _column(kind: ImportKind, field: str, chinese: Sequence[str]) -> ColumnBody:
    told = format_of(kind, field)
    return ColumnBody(
        field=field,
        headings=list(chinese),
        shape=shape_of(kind, field),
        is_required=ROWS[kind].model_fields[field].is_required(),
        words=words(kind, field),
        format_zh=told.text.zh,
        format_en=told.text.en,
        example=told.example,
    )


def template(kind: ImportKind) -> bytes:
    """A CSV file for spreadsheets (UTF-8 with a mark) that has the headings and no row."""
    text = io.StringIO(newline="")
    called = template_headings(kind)
    heads = [called[c.field] + ("*" if c.is_required else "") for c in columns(kind)]
    csv.writer(text).writerow(heads)
    return text.getvalue().encode("utf-8-sig")
