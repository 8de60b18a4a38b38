"""The verdict on the audit log, for a terminal."""

import re

import typer
from rich.console import Console
from rich.markup import escape

from app.audit.verification import Fault, FaultKind, Verdict, verify
from app.interface.errors import invalid_field
from app.scopes import Sessions

ANCHOR = re.compile(r"\d{1,18}:[0-9a-f]{64}")

WHAT = {
    FaultKind.ENTRY_CHANGED: "记录被改动 · an entry was changed",
    FaultKind.ENTRY_MISSING: "记录被删除 · an entry is missing",
    FaultKind.ENTRY_INSERTED: "记录被插入 · an entry was inserted",
    FaultKind.SEAL_CHANGED: "封存被改动 · a seal was changed",
    FaultKind.SEAL_MISSING: "封存缺失 · a seal is missing",
    FaultKind.DROPPED_TOO_EARLY: "未到期即删除 · entries were dropped too early",
    FaultKind.ANCHOR_MISSING: "链尾被截断或改写 · the chain was cut off or rewritten",
}


async def report(sessions: Sessions, anchor: str | None, console: Console) -> bool:
    """Verify and say what was found, the anchor on standard output; False if it does not hold."""
    if anchor is not None and not ANCHOR.fullmatch(anchor):
        raise invalid_field(
            "anchor", "bad_anchor", "应为 序号:64 位十六进制", "Should be NUMBER:64 hex digits"
        )
    verdict = await verify(sessions, anchor=anchor)
    console.print(_found(verdict), highlight=False, soft_wrap=True)
    if verdict.holds and verdict.anchor:
        typer.echo(verdict.anchor)
    if verdict.fault is not None:
        console.print(f"[red]✗[/] {_where(verdict.fault)}", highlight=False, soft_wrap=True)
    return verdict.holds


def _found(verdict: Verdict) -> str:
    lines = [
        f"{verdict.seals} 个封存 · seals, {verdict.entries} 条记录 · entries as they were sealed",
        f"{verdict.waiting} 条待封存 · waiting for their seal",
    ]
    if verdict.dropped_through:
        lines.append(f"到期删除至 · dropped for their age up to seal {verdict.dropped_through}")
    mark = "[green]✓[/]" if verdict.holds else "[red]…[/]"
    return "\n".join(f"{mark} {escape(line)}" for line in lines)


def _where(fault: Fault) -> str:
    place = f"seal {fault.number}" if fault.number is not None else "outside the seals"
    entry = f", from entry {fault.entry_id} on" if fault.entry_id else ""
    return escape(f"{WHAT[fault.kind]} ({place}{entry})")
