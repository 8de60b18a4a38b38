"""Which columns a file of each kind may have, told to whoever fills one in."""

from collections.abc import Sequence

from app.bulk.kinds import ImportKind
from app.bulk.rows import ROWS
from app.bulk.schemas import ColumnBody
from app.bulk.sheets.cells import shape_of
from app.bulk.sheets.formats import format_of, words
from app.bulk.sheets.headings import CHINESE, template_headings
from app.spreadsheets import csv_file


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
    """A CSV file for spreadsheets that has the headings and no row."""
    called = template_headings(kind)
    return csv_file([[called[c.field] + ("*" if c.is_required else "") for c in columns(kind)]])
