"""`shuangku evaluate`: tables for people, and one line of JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.evaluation.cases import Cases, Judgments, read_cases
from app.evaluation.configurations import configuration
from app.evaluation.figures import (
    HUBS,
    MEASURES,
    Comparison,
    Worst,
    compare,
    fields,
    hub_share,
    worst,
)
from app.evaluation.ranking import Bench, Rankings
from app.interface.language import Text
from matching.evaluation import LEAST

MAIN_MEASURE = "ndcg_at_10"
FEW = Text(
    "评判的需求不足 {least} 条：不给出置信区间，差异不足为据",
    "fewer than {least} demands were judged: there is no interval, and a difference says nothing",
)

HUBBED = Text(
    "最常见的 {count} 位专家占全部前十名的 {ours:.1%}（比较对象 {theirs:.1%}）",
    "the {count} most frequent experts hold {ours:.1%} of all first ten places, and {theirs:.1%}",
)


def evaluate(folder: Path, ours: str, theirs: str, console: Console) -> str:
    """Compare two configurations on the cases of a folder.

    Tables go to the console; returns a JSON object. Raises UnreadableCases and UnknownSetting.
    """
    configurations = configuration(ours), configuration(theirs)
    cases = read_cases(folder)
    bench = Bench(cases)
    with console.status("排序 · ranking"):
        mine, other = (bench.rank(one) for one in configurations)
    names = [one.name for one in configurations]
    told = {
        name: _comparison(cases, judgments, mine, other, names, name, console)
        for name, judgments in cases.judgments.items()
    }
    hubs = [hub_share(ranked) for ranked in (mine, other)]
    console.print(
        HUBBED.format(count=HUBS, ours=hubs[0], theirs=hubs[1]).in_both,
        highlight=False,
        soft_wrap=True,
    )
    found = {
        "configuration": names[0],
        "against": names[1],
        "judgments": told,
        "hub_share": {"ours": hubs[0], "theirs": hubs[1]},
    }
    return json.dumps(found, ensure_ascii=False)


def _comparison(
    cases: Cases,
    judgments: Judgments,
    mine: Rankings,
    other: Rankings,
    names: Sequence[str],
    title: str,
    console: Console,
) -> dict[str, object]:
    """The figures of one file of judgments, shown and as values."""
    demands = sorted(judgments)
    measured = {m: compare(mine, other, judgments, m, demands) for m in MEASURES}
    by_field = {
        name: compare(mine, other, judgments, MAIN_MEASURE, found)
        for name, found in fields(cases, judgments).items()
    }
    found = worst(cases, mine, judgments)
    console.print(_table(f"{title}: {len(demands)} 条需求 · demands", names, measured))
    if len(demands) < LEAST:
        console.print(FEW.format(least=LEAST).in_both, highlight=False, soft_wrap=True)
    console.print(_table(f"{title}: nDCG@10 按领域 · by field", names, by_field))
    for one in found:
        console.print(_words(one), highlight=False, soft_wrap=True)
    return {
        "measures": {name: asdict(comparison) for name, comparison in measured.items()},
        "fields": {name: asdict(comparison) for name, comparison in by_field.items()},
        "worst": [asdict(one) for one in found],
    }


def _table(title: str, names: Sequence[str], rows: Mapping[str, Comparison]) -> Table:
    table = Table(title=escape(title))
    for heading in ("", "n", *names, "差异 · difference"):
        table.add_column(escape(heading))
    for name, one in rows.items():
        shown = [one.ours.shown(), one.theirs.shown(), one.difference.shown(sign="+")]
        table.add_row(escape(name), str(one.demands), *map(escape, shown))
    return table


def _words(one: Worst) -> str:
    """What went wrong with a demand, in a few lines."""
    head = f"{one.demand_id} {one.title}: nDCG@10 {one.ndcg_at_10:.3f}"
    lines = [f"{head}, {one.judged_at_10:.0%} 已评判 · of the first ten were judged"]
    for missed in one.missed[:3]:
        lacks = ", ".join(f"{name} {value:+.2f}" for name, value in missed.lacks.items() if value)
        place = f"第 {missed.rank} 位 · rank {missed.rank}" if missed.rank else "缺席 · absent"
        lines.append(f"  {missed.expert_id} ({missed.grade}): {place}; {lacks}")
    return escape("\n".join(lines))
