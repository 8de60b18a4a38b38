"""An import as people see it in the terminal: a bar while it runs, then what became of the rows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.bulk.demonstration.pool import load_demonstration
from app.bulk.kinds import ImportKind
from app.bulk.operations import Upload, import_file
from app.bulk.report import Outcome, Report
from app.bulk.running import Progress, silent
from app.bulk.schemas import ImportBody, ReportEntry
from app.progress.models import OperationState
from app.scopes import Sessions

SHOWN_FAULTS = 50


class Ending(IntEnum):
    """The exit codes of an import."""

    WHOLE = 0  # every row is in
    NOTHING = 1  # nothing was written
    IN_PART = 3  # rows were refused, the others are in; click ends with 2 for a wrong call


async def import_with_progress(sessions: Sessions, upload: Upload, console: Console) -> Ending:
    """Run the import and print its report; how it ended."""
    report = Report()
    with _bar(f"导入 · importing {upload.filename}", console) as progress:
        found = await import_file(sessions, upload, progress, report)
    _print_outcome(found, report.noted["organization_entered"], console)
    if found.state is not OperationState.DONE:
        return Ending.NOTHING
    return Ending.IN_PART if found.rejected_count else Ending.WHOLE


async def load_with_progress(sessions: Sessions, console: Console) -> str:
    """Load the demonstration pool; what to say of it: it may have been there already."""
    with _bar("载入演示库 · loading the demonstration pool", console) as progress:
        is_written = await load_demonstration(sessions, progress)
    if is_written:
        return "演示库已载入（虚构数据）· fictional demonstration pool loaded"
    return "演示库原已载入，未作改动 · demonstration pool was there already"


@contextmanager
def _bar(what: str, console: Console) -> Iterator[Progress]:
    """A bar for as long as the block; where nobody watches, not even its line."""
    if not console.is_interactive:
        yield silent
        return
    text, count = bars.TextColumn("{task.description}", markup=False), bars.MofNCompleteColumn()
    columns = (text, bars.BarColumn(), count, bars.TimeRemainingColumn())
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


PUBLISHED = "已公开，仍缺的内容 · published, still lacking"
IN_POOL = "已入库，仍缺的内容 · in the pool, still lacking"
LACKING = "已导入、待补全的行 · imported rows that lack something"
TABLES = {
    Outcome.REFUSED: "拒绝的行，未导入 · refused rows, not imported",
    Outcome.INCOMPLETE: LACKING,
    Outcome.NOTED: "导入时的说明 · notes on imported rows",
}


def _title(found: ImportBody, entry: ReportEntry) -> str:
    """The table in which an entry is told."""
    if entry.outcome is Outcome.NOTED and entry.row is None:
        return "关于文件的说明 · notes on the file"
    if entry.outcome is not Outcome.INCOMPLETE:
        return TABLES[entry.outcome]
    if entry.is_in_pool:
        return PUBLISHED if found.kind is ImportKind.DEMANDS else IN_POOL
    if found.state is not OperationState.DONE:
        return "待补全的行，未导入 · rows that lack something, not imported"
    return LACKING


def _print_entries(found: ImportBody, console: Console) -> None:
    by_title: dict[str, list[ReportEntry]] = defaultdict(list)
    for outcome in TABLES:
        for entry in found.report:
            if entry.outcome is outcome:
                by_title[_title(found, entry)].append(entry)
    for title, entries in by_title.items():
        console.print(_table(title, entries[:SHOWN_FAULTS]))
        if len(entries) > SHOWN_FAULTS:
            console.print(f"… 仅显示前 {SHOWN_FAULTS} 条 · the first {SHOWN_FAULTS} only")


def _print_outcome(found: ImportBody, entered_count: int, console: Console) -> None:
    is_done = found.state is OperationState.DONE
    _print_entries(found, console)
    mark = "[red]✗ 未写入 · not written:[/]"
    if is_done and found.rejected_count:
        mark = "[yellow]! 部分写入 · written in part:[/]"
    elif is_done:
        mark = "[green]✓[/]"
    console.print(
        f"{mark} 新增 {found.created_count} · 更新 {found.updated_count}"
        f" · 未变 {found.unchanged_count} · 拒绝 {found.rejected_count}"
        f" · 仍缺内容 {found.incomplete_count}"
        "  (created, updated, unchanged, refused, incomplete)"
    )
    if entered_count:
        console.print(
            f"[yellow]![/] 新登记企业 {entered_count} 家，待核验"
            " · enterprises registered, to be verified"
        )


def _table(title: str, entries: Sequence[ReportEntry]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("行 · row", "列 · column", "说明", "explanation"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        row = "" if entry.row is None else str(entry.row)
        told = (entry.heading or entry.field, entry.message_zh, entry.message_en)
        table.add_row(row, *map(escape, told))
    return table
