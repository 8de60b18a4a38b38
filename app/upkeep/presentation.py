"""How findings look: Chinese first for people, JSON for programs."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from app.upkeep.findings import Finding, State

MARKS = {State.GOOD: "[green]✓[/]", State.WARNING: "[yellow]![/]", State.BAD: "[red]✗[/]"}


def show(finding: Finding, console: Console) -> None:
    """The finding, and below it what to do."""
    what = escape(finding.what.in_both)
    console.print(f"{MARKS[finding.state]} {what}", highlight=False, soft_wrap=True)
    if finding.remedy is not None:
        remedy = escape(f"→ {finding.remedy.in_both}")
        console.print(f"  {remedy}", highlight=False, soft_wrap=True)


def as_items(findings: Sequence[Finding]) -> str:
    """A JSON array of {check, state, what, remedy}, texts in both languages."""
    items = [
        {
            "check": finding.check,
            "state": finding.state,
            "what": {"zh-CN": finding.what.zh, "en": finding.what.en},
            "remedy": finding.remedy and {"zh-CN": finding.remedy.zh, "en": finding.remedy.en},
        }
        for finding in findings
    ]
    return json.dumps(items, ensure_ascii=False, indent=1)
