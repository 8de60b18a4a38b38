"""An import as people see it in the terminal: a bar while it runs, then what became of the rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.bulk.demonstration_pool import load_demonstration
from app.bulk.operations import Upload, import_file
from app.bulk.running import Progress, silent
from app.bulk.schemas import ImportBody, ReportEntry
from app.progress.models import OperationState
from app.scopes import Sessions

SHOWN_FAULTS = 50


async def import_with_progress(sessions: Sessions, upload: Upload, console: Console) -> bool:
    """Run the import and print its report; whether the file went in."""
    with _bar(f"导入 · importing {upload.filename}", console) as progress:
        found = await import_file(sessions, upload, progress)
    _print_outcome(found, console)
    return found.state is OperationState.DONE


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


def _print_outcome(found: ImportBody, console: Console) -> None:
    if found.report:
        console.print(_table(found.report[:SHOWN_FAULTS]))
    if len(found.report) > SHOWN_FAULTS or found.is_report_cut:
        console.print(f"… 仅显示前 {SHOWN_FAULTS} 条 · the first {SHOWN_FAULTS} only")
    mark = "[green]✓[/]" if found.state is OperationState.DONE else "[red]✗ 未写入 · not written[/]"
    console.print(
        f"{mark} 新增 {found.created_count} · 更新 {found.updated_count}"
        f" · 未变 {found.unchanged_count} · 拒绝 {found.rejected_count}"
        f" · 待补全 {found.incomplete_count}"
        "  (created, updated, unchanged, rejected, incomplete)"
    )
    if entered := sum(entry.code == "organization_entered" for entry in found.report):
        console.print(
            f"[yellow]![/] 新登记企业 {entered} 家，待核验 · enterprises registered, to be verified"
        )


def _table(entries: Sequence[ReportEntry]) -> Table:
    table = Table()
    for heading in ("行 · row", "列 · column", "说明", "what is wrong"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        row = "" if entry.row is None else str(entry.row)
        told = (entry.heading or entry.field, entry.message_zh, entry.message_en)
        table.add_row(row, *map(escape, told))
    return table
