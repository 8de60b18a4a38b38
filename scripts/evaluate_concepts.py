"""How good the extracted concepts are: whether experts who suit a demand speak of them.

    python -m scripts.evaluate_concepts CASES_DIR [--configuration default]

The files of CASES_DIR are described in app/evaluation/cases.py. Prints which share of the first
concepts stands in the text of at least one relevant expert (grade ≥ 2), beside random passages of
the same demand and length; and nDCG@10 without concepts and with all suggestions accepted.
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from app.evaluation.cases import JUDGED, Grades, read_cases
from app.evaluation.configurations import Configuration, configuration
from app.evaluation.ranking import Bench
from app.matches.diagnosing import MOST_SUGGESTED
from matching import Concept, Query
from matching.concepts import extract
from matching.evaluation import RELEVANT, ndcg
from matching.fitting import fit_model
from matching.text import normalise

DRAWS = 20  # random passages for each concept


def concepts_of(bench: Bench) -> dict[str, list[Concept]]:
    """What a diagnosis suggests for each demand."""
    model = fit_model(bench.pool, queries=list(bench.queries.values()))
    found = {}
    for demand_id, query in bench.queries.items():
        phrases = extract(_texts(query), query.keywords, model)[:MOST_SUGGESTED]
        found[demand_id] = [Concept(text=p.text, weight=p.weight) for p in phrases]
    return found


def shares_held(
    bench: Bench, concepts: Mapping[str, list[Concept]], relevant: Mapping[str, list[str]], k: int
) -> tuple[float, float]:
    """Mean over demands of the share of concepts, and of random passages, that experts hold."""
    texts = {c.candidate_id: normalise("\n".join(d.text for d in c.documents)) for c in bench.pool}
    draw = random.Random(0)
    shares = []
    for demand_id, experts in relevant.items():
        told = [texts[expert] for expert in experts if expert in texts]
        runs = re.findall(r"[\u4e00-\u9fff]+", "\n".join(_texts(bench.queries[demand_id]).values()))
        own = [concept.text for concept in concepts[demand_id][:k]]
        drawn = [text for one in own for text in _passages(runs, len(one), draw)]
        if own and drawn and told:
            shares.append((_share(own, told), _share(drawn, told)))
    return fmean(held for held, _ in shares), fmean(held for _, held in shares)


def gain(bench: Bench, judgments: Mapping[str, Grades], used: Configuration) -> float:
    """Mean nDCG@10."""
    rankings = bench.rank(used)
    return fmean(
        ndcg([ranked.candidate_id for ranked in rankings[demand_id]], grades)
        for demand_id, grades in judgments.items()
    )


def main(
    cases_dir: Path,
    used: Annotated[
        str, typer.Option("--configuration", help="as of evaluate")
    ] = "without-encoder",
) -> None:
    cases = read_cases(cases_dir)
    bench = Bench(cases)
    concepts = concepts_of(bench)
    relevant: dict[str, list[str]] = {}
    for judgments in cases.judgments.values():
        for demand_id, grades in judgments.items():
            found = [expert for expert, grade in grades.items() if grade >= RELEVANT]
            relevant.setdefault(demand_id, []).extend(found)
    for k in (5, 10, MOST_SUGGESTED):
        held, by_chance = shares_held(bench, concepts, relevant, k)
        print(f"first {k:2}: {held:.3f} held by a relevant expert, random {by_chance:.3f}")
    before = gain(bench, cases.judgments[JUDGED], configuration(used))
    for demand_id, query in bench.queries.items():
        bench.queries[demand_id] = replace(query, concepts=tuple(concepts[demand_id]))
    after = gain(bench, cases.judgments[JUDGED], configuration(used))
    print(f"nDCG@10: {before:.4f} without concepts, {after:.4f} with all suggestions")


def _texts(query: Query) -> dict[str, str]:
    return {"title": query.title, "problem": query.problem, "indicators": query.indicators}


def _passages(runs: Iterable[str], length: int, draw: random.Random) -> list[str]:
    every = [run[at : at + length] for run in runs for at in range(len(run) - length + 1)]
    return draw.choices(every, k=DRAWS) if every else []


def _share(phrases: list[str], texts: Iterable[str]) -> float:
    told = list(texts)
    return fmean(any(normalise(phrase) in text for text in told) for phrase in phrases)


if __name__ == "__main__":
    typer.run(main)
