"""Studies of the scoring design: steps left out, unseen demands, learning, titles, teams."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.evaluation.cases import JUDGED, Judgments, read_cases, read_pairs
from app.evaluation.configurations import configuration
from app.evaluation.figures import MEASURES, Comparison, compare, hub_share
from app.evaluation.learning import learned
from app.evaluation.nested import nested
from app.evaluation.pairs import agreements
from app.evaluation.ranking import Bench, Rankings
from app.evaluation.teams import teams_of
from matching import LATENT, LocalEncoder, Ranker, default_calibration

DEFAULT = "default"
# What each line leaves out, or puts in the place of what the service has.
ABLATIONS: Mapping[str, Sequence[str]] = {
    "空间 · spaces": ("lexical=0", "topic=0", "passage=0", "lexical", "topic", "passage"),
    "向量 · vectors": ("encoder=none", "centring=off", "hubness=0"),
    "需求 · the demand": ("damping=off", "title=off", "description=off", "script=traditional"),
    "专家 · the expert": ("evidence=off", "honours=off", "decay=0.3"),
    "词项 · terms": (
        "view=grams",
        "view=bigrams",
        "view=trigrams",
        "view=words",
        "view=words+terms",
        "view=grams+terms",
        "view=grams-tf",
        "view=grams-bm25",
    ),
    "基线 · baseline": ("bigrams",),
}


def ablation(folder: Path, console: Console) -> str:
    """Every step left out, beside the default; returns a JSON object, raises UnreadableCases."""
    cases = read_cases(folder)
    bench = Bench(cases)
    told: dict[str, object] = {}
    with console.status("排序 · ranking"):
        base = bench.rank(configuration(DEFAULT))
        table = _ablation_table(cases.judgments, base)
        for group, lines in ABLATIONS.items():
            table.add_section()
            table.add_row(f"[bold]{group}[/]")
            for line in lines:
                found = _beside(bench.rank(configuration(line)), base, cases.judgments)
                table.add_row(escape(line), *_cells(found))
                told[line] = {name: asdict(one) for name, one in found.items()}
    console.print(table)
    return json.dumps({"default": _means(base, cases.judgments), "without": told})


def nested_validation(folder: Path, settings: str, console: Console) -> str:
    """Weights chosen and measured on different demands; returns a JSON object."""
    chosen, cases = configuration(settings), read_cases(folder)
    with console.status("排序 · ranking"):
        rankings = Bench(cases).rank(chosen)
    found = nested(rankings, cases.judgments[JUDGED], chosen.weights)
    table = Table("", "嵌套交叉验证 · nested", title=escape(chosen.name))
    for name, estimate in found.measures.items():
        table.add_row(name, escape(estimate.shown()))
    table.add_section()
    for name, (mean, deviation) in found.weights.items():
        table.add_row(name, f"{mean:+.2f} ± {deviation:.2f}")
    console.print(table)
    return json.dumps(
        {
            "configuration": chosen.name,
            "measures": {name: asdict(one) for name, one in found.measures.items()},
            "weights": found.weights,
        }
    )


def learning(folder: Path, settings: str, console: Console) -> str:
    """Weights learned from judgments as from verdicts, on other demands; returns a JSON object."""
    chosen, cases = configuration(settings), read_cases(folder)
    with console.status("排序 · ranking"):
        rankings = Bench(cases).rank(chosen)
    calibration = default_calibration(LATENT if chosen.encoder == "none" else chosen.encoder)
    used = Ranker(weights=chosen.weights, calibration=calibration)
    found = learned(rankings, cases.judgments[JUDGED], used)
    trial = found.trial
    table = Table(
        *("nDCG@10", "学得 · learned", "原有 · before", "差异 · difference"),
        title=escape(f"{chosen.name}: {trial.demands} 条需求 · demands"),
    )
    for name, *estimates, gain in (
        ("已评判 · judged", trial.learned.ndcg_at_10, trial.in_force, trial.learned.gain),
        ("全库 · whole pool", found.of_pools, found.of_pools_before, found.gain_of_pools),
    ):
        shown = [*(one.shown() for one in estimates), gain.shown(sign="+")]
        table.add_row(name, *map(escape, shown))
    console.print(table)
    return json.dumps({"configuration": chosen.name, **asdict(found)})


def teams(folder: Path, settings: str, console: Console) -> str:
    """What proposed teams cover beside as many of the first ranks; returns a JSON object."""
    chosen, cases = configuration(settings), read_cases(folder)
    bench = Bench(cases)
    with console.status("排序 · ranking"):
        rankings = bench.rank(chosen)
        found = teams_of(bench.index(chosen), bench.queries, rankings, cases.judgments[JUDGED])
    table = Table(
        *("", "团队 · team", "前几名 · first ranks", "差异 · difference"),
        title=escape(f"{chosen.name}: {found.demands} 条需求 · demands, ⌀ {found.size:.1f}"),
    )
    for name, *estimates, difference in (
        ("覆盖 · coverage", found.coverage, found.plain_coverage, found.gain),
        ("评级 · grade", found.grade, found.plain_grade, found.gain_of_grade),
    ):
        shown = [*(one.shown() for one in estimates), difference.shown(sign="+")]
        table.add_row(name, *map(escape, shown))
    console.print(table)
    return json.dumps({"configuration": chosen.name, **asdict(found)})


def title_pairs(folder: Path, console: Console) -> str:
    """How far scores of titles follow the levels that people gave; returns a JSON object."""
    pairs = read_pairs(folder)
    with console.status("编码 · encoding"):
        found = agreements(pairs, LocalEncoder())
    table = Table("", "Spearman", "AUC ≥ 3", title=f"{len(pairs)} 对标题 · pairs of titles")
    for name, one in found.items():
        table.add_row(name, f"{one.spearman:.3f}", f"{one.auc:.3f}")
    console.print(table)
    agreed = {name: asdict(one) for name, one in found.items()}
    return json.dumps({"pairs": len(pairs), "agreement": agreed})


def _beside(
    ranked: Rankings, base: Rankings, judgments: Mapping[str, Judgments]
) -> dict[str, Comparison]:
    return {
        name: compare(ranked, base, judged, _measure(name), sorted(judged))
        for name, judged in judgments.items()
    }


def _measure(name: str) -> str:
    """Of judgments that name one expert a demand it counts whether that one is found."""
    return "ndcg_at_10" if name == JUDGED else "recall_at_10"


def _cells(found: Mapping[str, Comparison]) -> list[str]:
    return [
        escape(cell)
        for one in found.values()
        for cell in (f"{one.ours.mean:.3f}", one.difference.shown(sign="+"))
    ]


def _ablation_table(judgments: Mapping[str, Judgments], base: Rankings) -> Table:
    table = Table(title=escape(f"默认 · default: {_means(base, judgments)}"))
    table.add_column("去除或替换 · without", no_wrap=True)
    for name in judgments:
        table.add_column(escape(f"{name} {_measure(name)}"))
        table.add_column("差异 · difference", no_wrap=True)
    return table


def _means(base: Rankings, judgments: Mapping[str, Judgments]) -> dict[str, float]:
    """The default's figures, and its share of hubs."""
    found = {
        f"{name} {measure}": compare(base, base, judged, measure, sorted(judged)).ours.mean
        for name, judged in judgments.items()
        for measure in MEASURES
        if measure in (_measure(name), "mrr")
    }
    return {name: round(mean, 4) for name, mean in found.items()} | {
        "hub_share": round(hub_share(base), 4)
    }
