"""Which columns a file of each kind may have, told to whoever fills one in."""

import csv
import io

from pydantic import BaseModel, Field

from app.bulk.cells import Shape, shape_of
from app.bulk.headings import CHINESE
from app.bulk.labels import labels
from app.bulk.models import ImportKind
from app.bulk.rows import ROWS

MAX_WORDS = 50  # more are a table of codes, which has routes of its own


class ColumnBody(BaseModel):
    """One column that a file may have; none but the required ones must be there."""

    field: str = Field(description="the heading that always works, and the key in JSON Lines")
    headings: list[str] = Field(description="the Chinese headings that mean the same")
    shape: Shape = Field(description="list: 以分号或换行分隔 · parted by semicolons or new lines")
    is_required: bool
    words: list[str] = Field(description="what the cell may say; empty where it is free")


def columns(kind: ImportKind) -> list[ColumnBody]:
    """In the order of the form on paper."""
    fields, known = ROWS[kind].model_fields, labels(kind)
    return [
        ColumnBody(
            field=name,
            headings=list(chinese),
            shape=shape_of(kind, name),
            is_required=fields[name].is_required(),
            words=words if len(words) <= MAX_WORDS else [],
        )
        for name, chinese in CHINESE[kind].items()
        for words in [list(known.get(name, ()))]
    ]


def template(kind: ImportKind) -> bytes:
    """A CSV file for spreadsheets (UTF-8 with a mark) that has the headings and no row."""
    text = io.StringIO(newline="")
    heads = [(c.headings or [c.field])[0] + ("*" if c.is_required else "") for c in columns(kind)]
    csv.writer(text).writerow(heads)
    return text.getvalue().encode("utf-8-sig")
