"""`shuangku import-template --explain`: what `GET /import-columns` tells, for people to read."""

from collections.abc import Iterator

from app.bulk.kinds import ImportKind
from app.bulk.schemas import ColumnBody
from app.bulk.sheets.columns import columns


def explanation(kind: ImportKind) -> str:
    """A few lines for each column; a star marks those that must be there."""
    lines = ["* 必填 · required"]
    for column in columns(kind):
        lines += _lines_of(column)
    return "\n".join(lines)


def _lines_of(column: ColumnBody) -> Iterator[str]:
    first, *others = column.headings or [column.field]
    called = "、".join([first + ("*" if column.is_required else ""), *others])
    yield f"{called} · {column.field}"
    if column.format_zh:
        yield f"    {column.format_zh} · {column.format_en}"
    if column.example:
        yield f"    例 · example: {column.example}"
