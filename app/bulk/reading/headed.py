"""The table on a sheet: where its headings are, what they mean and what stands under them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest

from app.bulk.kinds import ImportKind
from app.bulk.reading.tables import Table, TableRow, require_count
from app.bulk.reading.workbooks import Cells, Sheet
from app.bulk.rows import ROWS
from app.bulk.sheets.headings import field_of, is_unread, nearest_heading, template_headings
from app.interface.errors import Invalid, Problem, invalid_field
from app.interface.language import Text
from app.interface.validation import FieldError

MAX_COLUMNS = 52
HEADING_ROWS = 10  # filled ones from the top, among which the headings are looked for
SEARCHED_ROWS = 1_000  # blank ones included: millions of them may cost a few bytes each
SURE = 3
MAX_HEADING = 50  # characters
UNKNOWN = Text(
    "无法识别的列名：{name}；各列名见 shuangku import-template {kind} --explain",
    "Unknown heading: {name}; shuangku import-template {kind} --explain tells all",
)
UNKNOWN_BUT_NEAR = Text(
    "无法识别的列名：{name}；相近的有：{near}；各列名见 shuangku import-template {kind} --explain",
    "Unknown heading: {name}; near it: {near}; shuangku import-template {kind} --explain tells all",
)
TOTALS = frozenset({"合计", "总计", "共计", "小计"})


def headed_table(candidates: Iterable[Sheet], kind: ImportKind) -> Table:
    """The rows under the headings, on the first sheet that has such."""
    sheet, heading = _best(candidates, kind)
    heading = _with_parts(sheet, heading, kind)
    row_count = sheet.height() - heading.number
    require_count(row_count)
    columns = _columns(heading.cells, kind)
    under = islice(enumerate(sheet.rows(), start=1), heading.number, None)
    rows = _without_total(_Line(number=n, cells=cells) for n, cells in under)
    stated = (row for line in rows if (row := _table_row(columns, line)))
    first = next(stated, None)
    if first is None:
        raise _empty()
    own = {f: str(h).strip() for f, h in zip(columns, heading.cells, strict=True) if f is not None}
    return Table(
        row_count=row_count,
        is_sheet=True,
        rows=chain([first], stated),
        headings=template_headings(kind) | own,
        notes=_unread_columns(heading.cells),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    cells: Cells
    is_total: bool = False


def _best(candidates: Iterable[Sheet], kind: ImportKind) -> tuple[Sheet, _Line]:
    """The sheet and the row that look most like headings; the first among equals.

    Titles and explanations often stand above the headings, or on a sheet before.
    """
    best: tuple[Sheet, _Line] | None = None
    likeness = -1
    for sheet in candidates:
        heading = _heading_line(sheet, kind)
        if heading and (found := _likeness(heading.cells, kind)) > likeness:
            best, likeness = (sheet, heading), found
        if likeness == SURE:
            break
    if best is None:
        raise _empty()
    return best


def _heading_line(sheet: Sheet, kind: ImportKind) -> _Line | None:
    searched = enumerate(islice(sheet.rows(), SEARCHED_ROWS), start=1)
    numbered = (_Line(number=n, cells=cells) for n, cells in searched)
    filled = (line for line in numbered if any(map(_is_filled, line.cells)))
    top = islice(filled, HEADING_ROWS)
    return max(top, key=lambda line: _likeness(line.cells, kind), default=None)


def _with_parts(sheet: Sheet, heading: _Line, kind: ImportKind) -> _Line:
    """The headings with the row under them, where that only parts some: 联系方式 in 电话 and 邮箱.

    So each of its cells is a heading that is known, and the one above is none, or nothing.
    """
    below = next(islice(sheet.rows(), heading.number, None), ())
    if max(len(heading.cells), len(below)) > MAX_COLUMNS:
        return heading
    pairs = list(zip_longest(heading.cells, below))
    parted = [above for above, cell in pairs if _is_filled(cell)]
    is_heading = [bool(field_of(kind, str(cell))) for cell in below if _is_filled(cell)]
    stand_alone = [_is_filled(above) and field_of(kind, str(above)) for above in parted]
    if not is_heading or not all(is_heading) or any(stand_alone):
        return heading
    cells = [cell if _is_filled(cell) else above for above, cell in pairs]
    return _Line(number=heading.number + 1, cells=cells)


def _likeness(cells: Cells, kind: ImportKind) -> int:
    """How much a row is like headings: two known ones, nothing but a known one, one, none."""
    if len(cells) > MAX_COLUMNS:  # each costs a search; such headings are refused
        return 0
    filled = [str(cell) for cell in cells if _is_filled(cell) and not is_unread(str(cell))]
    known = sum(1 for cell in filled if field_of(kind, cell))
    if known > 1:
        return SURE
    return known + (known == len(filled) and known)


def _without_total(lines: Iterable[_Line]) -> Iterator[_Line]:
    """Blank rows left out; the last row is marked if it holds totals."""
    filled = (line for line in lines if any(map(_is_filled, line.cells)))
    last = next(filled, None)
    for line in filled:
        if last:
            yield last
        last = line
    if last:
        first_cell = next(str(cell) for cell in last.cells if _is_filled(cell))
        yield replace(last, is_total="".join(first_cell.split()).strip("：:") in TOTALS)


def _table_row(columns: list[str | None], line: _Line) -> TableRow | None:
    """None for a row that only has a number, or a remark."""
    values = _values(columns, line.cells)
    return TableRow(number=line.number, values=values, is_total=line.is_total) if values else None


def _unread_columns(headings: Cells) -> Sequence[FieldError]:
    unread = [str(h).strip() for h in headings if _is_filled(h) and is_unread(str(h))]
    if not unread:
        return ()
    message = Text("未读取的列：{names}", "Columns that are not read: {names}")
    told = message.format(names="、".join(unread))
    return [FieldError(pointer="/file", code="column_not_read", message=told)]


def _columns(headings: Cells, kind: ImportKind) -> list[str | None]:
    """The field of each column; None for a column without a heading, or one that is not read."""
    if len(headings) > MAX_COLUMNS:
        raise invalid_field("/file", "too_many_columns", "列数超过 52", "More than 52 columns")
    columns = [field_of(kind, str(h)) if _is_filled(h) else None for h in headings]
    faults = [
        _unknown_heading(str(h), kind)
        for h, found in zip(headings, columns, strict=True)
        if _is_filled(h) and found is None and not is_unread(str(h))
    ]
    faults += [
        _heading_fault("repeated_heading", "列名重复：{name}", "Repeated heading: {name}", h)
        for n, (h, found) in enumerate(zip(headings, columns, strict=True))
        if found is not None and found in columns[:n]
    ]
    called = template_headings(kind)
    faults += [
        _heading_fault(
            "missing_column", "缺少必填的列：{name}", "Missing column: {name}", called[f]
        )
        for f, info in ROWS[kind].model_fields.items()
        if info.is_required() and f not in columns
    ]
    if faults:
        raise Invalid(errors=faults)
    return columns


def _unknown_heading(heading: str, kind: ImportKind) -> FieldError:
    """Says what is near it, and where all that are known are told."""
    near = nearest_heading(kind, heading)
    text = UNKNOWN_BUT_NEAR if near else UNKNOWN
    message = text.format(name=heading[:MAX_HEADING], near=near or "", kind=kind)
    return FieldError(pointer="/file", code="unknown_heading", message=message)


def _heading_fault(code: str, zh: str, en: str, heading: object) -> FieldError:
    message = Text(zh, en).format(name=str(heading)[:MAX_HEADING])
    return FieldError(pointer="/file", code=code, message=message)


def _values(columns: list[str | None], row: Cells) -> dict[str, object]:
    """An empty cell states nothing."""
    return {f: cell for f, cell in zip(columns, row, strict=False) if f and _is_filled(cell)}


def _is_filled(cell: object) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _empty() -> Problem:
    return invalid_field("/file", "empty_file", "文件中没有数据行", "The file holds no rows")
