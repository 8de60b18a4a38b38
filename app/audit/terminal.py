"""The verdict on the audit log, for a terminal."""

import re

import typer
from rich.console import Console
from rich.markup import escape

from app.audit.verification import Fault, FaultKind, Verdict, verify
from app.interface.errors import invalid_field
from app.interface.language import Text
from app.scopes import Sessions

ANCHOR = re.compile(r"\d{1,18}:[0-9a-f]{64}")

WHAT = {
    FaultKind.ENTRY_CHANGED: Text("记录被改动", "an entry was changed"),
    FaultKind.ENTRY_MISSING: Text("记录被删除", "an entry is missing"),
    FaultKind.ENTRY_INSERTED: Text("记录被插入", "an entry was inserted"),
    FaultKind.SEAL_CHANGED: Text("封存被改动", "a seal was changed"),
    FaultKind.SEAL_MISSING: Text("封存缺失", "a seal is missing"),
    FaultKind.DROPPED_TOO_EARLY: Text("未到期即删除", "entries were dropped too early"),
    FaultKind.ANCHOR_MISSING: Text("链尾被截断或改写", "the chain was cut off or rewritten"),
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
        told = escape(_where(verdict.fault).in_both)
        console.print(f"[red]✗[/] {told}", highlight=False, soft_wrap=True)
    return verdict.holds


def _found(verdict: Verdict) -> str:
    lines = [
        f"{verdict.seals} 个封存、{verdict.entries} 条记录，与封存时一致"
        f" · {verdict.seals} seals, {verdict.entries} entries as they were sealed",
        f"{verdict.waiting} 条待封存 · {verdict.waiting} waiting for their seal",
    ]
    if last := verdict.dropped_through:
        lines.append(f"到期删除至封存 {last} · dropped for their age up to seal {last}")
    mark = "[green]✓[/]" if verdict.holds else "[red]…[/]"
    return "\n".join(f"{mark} {escape(line)}" for line in lines)


def _where(fault: Fault) -> Text:
    """What is wrong, in which seal and from which entry on."""
    zh, en = "在封存之外", "outside the seals"
    if fault.number is not None:
        zh, en = f"封存 {fault.number}", f"seal {fault.number}"
    if fault.entry_id is not None:
        zh, en = f"{zh}，自记录 {fault.entry_id} 起", f"{en}, from entry {fault.entry_id} on"
    what = WHAT[fault.kind]
    return Text(f"{what.zh}（{zh}）", f"{what.en} ({en})")
