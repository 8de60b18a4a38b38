"""Open an .xlsx that a stranger sent: bounded in bytes, rows and columns before it is parsed.

The parser (calamine) lays a sheet out as a dense grid between its outermost cells, so that a file
of one kilobyte with a cell in XFD1048576 asks for half a terabyte and ends the process. So the
cells' addresses are checked first. The parts are copied into an archive of our own: what was
checked is then exactly what is parsed, whatever the sent archive claims about sizes or hides in
parts of other formats.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, load_workbook

from app.interface.errors import Problem, invalid_field

MAX_UNPACKED = 200 * 1024 * 1024  # bytes
MAX_PARTS = 2_000
MAX_SHEETS = 10  # as many are looked at
MAX_CELLS = 1_000_000  # of sheets that were looked at in vain: each is laid out as a grid
PART = re.compile(r"(\[Content_Types\]\.xml|_rels/\.rels|xl/.+\.(xml|rels))")
# Cells in column BA or beyond, or in row 210,000 or beyond.
FAR_CELL = re.compile(
    rb"<(?:[^\s<>/:]+:)?(?:c|row)\s[^<]*?\br\s*=\s*[\"']"
    rb"(?:(?:[a-z]{3,}|[b-z][a-z])\d*|[a-z]*(?:2[1-9]\d{4}|[3-9]\d{5}|\d{7,}))[\"']",
    re.IGNORECASE,
)
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError),
    ValueError,  # a part that is said to begin before the file does
)

Cells = Sequence[object]


def unreadable() -> Problem:
    return invalid_field(
        "/file",
        "unreadable_file",
        "文件无法读取，可能已损坏或加密",
        "The file cannot be read; it may be damaged or encrypted",
    )


def unsupported() -> Problem:
    return invalid_field(
        "/file",
        "unsupported_format",
        "仅支持 xlsx、csv、jsonl",
        "Only xlsx, csv and jsonl are read",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """`rows` reads from the top, each time anew; `height` counts blank rows, too."""

    height: Callable[[], int]
    rows: Callable[[], Iterator[Cells]]


def sheets(content: bytes) -> Iterator[Sheet]:
    """The workbook's first sheets, each of which is parsed only when it is asked for.

    Raises Invalid for what is no workbook, or is too large.
    """
    with _parsing():
        workbook: CalamineWorkbook = load_workbook(io.BytesIO(_checked(content)))
        names = workbook.sheet_names
    if not names:
        raise unreadable()
    cell_count = 0
    for name in names[:MAX_SHEETS]:
        with _parsing():
            sheet = workbook.get_sheet_by_name(name)
        yield _sheet(sheet)
        cell_count += sheet.height * sheet.width
        if cell_count > MAX_CELLS:
            return


def _sheet(sheet: CalamineSheet) -> Sheet:
    last_row, _ = sheet.end or (-1, -1)  # from 0
    return Sheet(height=lambda: last_row + 1, rows=lambda: iter(sheet.iter_rows()))


@contextmanager
def _parsing() -> Iterator[None]:
    try:
        yield
    except (CalamineError, IndexError, ValueError):
        raise unreadable() from None
    except BaseException as error:
        # A panic of the parser is no Exception; it says only that the file is malformed.
        if type(error).__name__ != "PanicException":
            raise
        raise unreadable() from None


def _checked(content: bytes) -> bytes:
    """The workbook's parts, none of which is too large, in an archive of our own."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {part.filename: part for part in archive.infolist()}
            if not any(name.startswith("xl/") for name in parts):
                raise unsupported()
            wanted = [part for name, part in parts.items() if PART.fullmatch(name)]
            _require_size(wanted)
            return _repacked(archive, wanted)
    except BROKEN:
        raise unreadable() from None


def _require_size(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise invalid_field(
            "/file",
            "file_too_large",
            "文件解压后超过 200 MB，请分批导入",
            "Unpacked, the file exceeds 200 MB; import it in parts",
        )


def _repacked(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> bytes:
    """`read` gives at most the declared size and checks the sum over it."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as target:
        for part in parts:
            data = archive.read(part)
            if FAR_CELL.search(data):
                raise invalid_field(
                    "/file",
                    "too_many_cells",
                    "表格超过 20 万行或 52 列；请删除多余的空白行列",
                    "The sheet exceeds 200,000 rows or 52 columns; delete empty rows and columns",
                )
            target.writestr(part.filename, data)
    return copy.getvalue()
