"""How well the service ranks experts, over HTTP, on real demands with graded judgments.

    python -m scripts.evaluate_matching CASES_DIR [--url URL] [--run FILE]

The files of CASES_DIR are described in app/evaluation/cases.py. Without a URL a
service of the script's own starts on an empty database in a temporary folder. The last line is
one JSON object. Gain is 2^grade − 1, whoever was not judged counts as 0, relevant is grade ≥ 2.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import httpx
import rjieba
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.evaluation.cases import Cases, Judgments, read_cases
from app.evaluation.figures import MEASURES
from app.evaluation.ranking import Bench
from matching.evaluation import Estimate
from scripts.service import Service, own_service, signed_in

DEPTH = 50

Rankings = Mapping[str, Sequence[str]]

# Of those of `shuangku evaluate` the ones that the first fifty can tell.
MEASURED = [name for name in MEASURES if name != "recall_at_100"]

console = Console(stderr=True)


def rank_over_http(service: Service, cases: Cases) -> tuple[dict[str, list[str]], list[str]]:
    """Import, publish, wait for the vectors, match each demand: rankings and run lines."""
    service.import_rows("experts", [case.as_row() for case in cases.experts])
    service.import_rows("demands", [case.as_row() for case in cases.demands])
    service.wait_until_encoded()
    case_of = service.external_ids("experts")
    rankings: dict[str, list[str]] = {}
    lines: list[str] = []
    for demand_id, case_id in track(
        service.external_ids("demands").items(), "匹配 · matching", console=console
    ):
        matches = service.match(demand_id, limit=DEPTH)["matches"]
        found = [(case_of[m["expert"]["id"]], m["score"]) for m in matches]
        rankings[case_id] = [expert for expert, _ in found]
        lines += [f"{case_id}\t{expert}\t{score:.6f}" for expert, score in found]
    return rankings, lines


def cut_words(text: str) -> list[str]:
    """The words of two characters and more: single ones are mostly particles and punctuation."""
    return [word for word in rjieba.cut(text) if len(word) > 1]


def baselines(cases: Cases) -> dict[str, Rankings]:
    """Two plain systems on the texts that the service has of the same cases."""
    bench = Bench(cases)
    ranked = {
        "word_tfidf": bench.rank_by_tfidf(cut_words),
        "bigram_tfidf": bench.rank_by_tfidf(),
    }
    return {
        name: {demand: [one.candidate_id for one in found] for demand, found in rankings.items()}
        for name, rankings in ranked.items()
    }


def figures(rankings: Rankings, grades: Judgments) -> dict[str, list[float]]:
    """Each measure's value for every demand that was judged, in the order of the demands."""
    return {
        name: [MEASURES[name](rankings.get(d, []), grades[d]) for d in sorted(grades)]
        for name in MEASURED
    }


def report(title: str, systems: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """Means with 95 % bootstrap intervals, one row a system."""
    table = Table(title=title)
    table.add_column("系统 · system")
    for name in MEASURED:
        table.add_column(name)
    for system, values in systems.items():
        table.add_row(system, *(Estimate.of(values[name]).shown() for name in MEASURED))
    return table


def means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: round(fmean(found), 4) for name, found in values.items()}


def main(
    cases_dir: Path,
    url: Annotated[str, typer.Option(help="a running service, instead of an own one")] = "",
    email: Annotated[str, typer.Option(envvar="SHUANGKU_EMAIL")] = "",
    password: Annotated[str, typer.Option(envvar="SHUANGKU_PASSWORD")] = "",
    run: Annotated[Path | None, typer.Option(help="write demand, expert, score here")] = None,
) -> None:
    """Evaluate the matching of a service on a directory of cases."""
    cases = read_cases(cases_dir)
    opened = signed_in(url, email, password) if url else own_service(console)
    try:
        with opened as service:
            rankings, lines = rank_over_http(service, cases)
    except httpx.HTTPStatusError as error:
        console.print(f"[red]✗[/] {error.response.status_code} {error.response.text}")
        raise typer.Exit(1) from None
    if run is not None:
        run.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    systems = {"shuangku": rankings, **baselines(cases)}
    summary: dict[str, Any] = {"baselines": {name: {} for name in systems if name != "shuangku"}}
    for task, grades in cases.judgments.items():
        found = {name: figures(ranked, grades) for name, ranked in systems.items()}
        console.print(report(f"{task}: {len(grades)} 条需求 · demands", found))
        summary[task] = means(found["shuangku"])
        for name in summary["baselines"]:
            summary["baselines"][name][task] = means(found[name])
    print(json.dumps(summary, ensure_ascii=False))


if __name__ == "__main__":
    typer.run(main)
