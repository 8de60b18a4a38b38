"""Measure standing matching: `python scripts/benchmark_standing.py [--experts N --demands M]`.

Experts, demands and their vectors are those of `benchmark_matching`. Some experts change to what
others of their field might say, some demands are written anew, as in a minute of a busy day; what
follows is measured as the job does it, without the database: the changed experts are held against
all demands, and what they concern is matched again. Which demands that are is told by the last
places of their lists, which only a full match finds: that is done for a sample of the demands, and
the affected ones among them are scaled to all. So is the alternative, to match everything again.

`missed_in_sample` counts demands of the sample whose list a full match finds changed although they
were not among the affected: 0 is what has to come out. Progress goes to standard error; the last
line is one JSON object.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import psutil
import typer
from rich.progress import track

from matching import Candidate, MatchIndex, Query, fit_model, match
from matching.boards import ROUNDING, Board, hold_against
from matching.kernels import warm_up
from matching.queries import read_query
from matching.weights import DEFAULT_WEIGHTS
from scripts.benchmark_matching import RandomVectors, make_language, make_pool, make_queries, out

LIMIT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The first places of one demand, and the score of the last."""

    ids: tuple[str, ...]
    entry: float


def listed(query: Query, index: MatchIndex, vectors: RandomVectors) -> Listed:
    ranking = match(query, index, query_vectors=vectors, limit=LIMIT)
    found = ranking.matches
    return Listed(ids=tuple(m.candidate_id for m in found), entry=found[-1].score)


def changed_experts(
    pool: list[Candidate], count: int, random: np.random.Generator
) -> list[Candidate]:
    """Experts who say now what another one says of themself, beside their own documents."""
    chosen = random.choice(len(pool), size=2 * count, replace=False).tolist()
    return [
        Candidate(
            candidate_id=pool[one].candidate_id,
            documents=(*pool[other].documents[:2], *pool[one].documents[2:]),
        )
        for one, other in zip(chosen[:count], chosen[count:], strict=True)
    ]


def put_up(queries: list[Query], index: MatchIndex, vectors: RandomVectors) -> Board:
    return Board.of({str(n): read_query(q, index.model, vectors) for n, q in enumerate(queries)})


def main(
    experts: Annotated[int, typer.Option(min=1_000)] = 100_000,
    demands: Annotated[int, typer.Option(min=100)] = 10_000,
    changes: Annotated[int, typer.Option(min=1)] = 50,
    changed_demands: Annotated[int, typer.Option(min=0)] = 5,
    sample: Annotated[int, typer.Option(min=10)] = 400,
    seed: int = 0,
) -> None:
    """Generate pools, measure, and print one JSON object on the last line."""
    random = np.random.default_rng(seed)
    language = make_language(experts, random)
    pool = make_pool(language, experts, random)
    queries = make_queries(language, demands, random)
    vectors = RandomVectors(random)
    warm_up()
    model = fit_model(
        pool,
        encoder_name="random",
        vectors=vectors,
        queries=queries[:500],
        query_vectors=vectors,
    )
    index = MatchIndex.build(model, pool, vectors)
    start = perf_counter()
    board = put_up(queries, index, vectors)
    board_seconds = perf_counter() - start
    out.print(f"board of {len(board)} demands: {board_seconds:.1f} s, once a worker")

    sampled = random.choice(demands, size=min(sample, demands), replace=False).tolist()
    start = perf_counter()
    before = {
        n: listed(queries[n], index, vectors)
        for n in track(sampled, "matching a sample", console=out)
    }
    match_seconds = (perf_counter() - start) / len(sampled)

    news = changed_experts(pool, changes, random)
    start = perf_counter()
    after = index.updated(news, vectors=vectors)
    held = MatchIndex.build(model, news, vectors)
    scores = hold_against(board, held, after, DEFAULT_WEIGHTS)
    holding_seconds = perf_counter() - start
    ids = {one.candidate_id for one in news}
    best = scores.max(axis=0)
    affected = [
        n for n in sampled if ids & set(before[n].ids) or best[n] >= before[n].entry - ROUNDING
    ]
    start = perf_counter()
    again = {n: listed(queries[n], after, vectors) for n in affected}
    rerun_seconds = (perf_counter() - start) / max(1, len(affected))
    missed = [
        n
        for n in track(sampled, "matching the sample again", console=out)
        if n not in again and listed(queries[n], after, vectors).ids != before[n].ids
    ]
    needless = sum(again[n].ids == before[n].ids for n in affected)
    count = len(affected) * demands / len(sampled)
    total = holding_seconds + (count + changed_demands) * (rerun_seconds or match_seconds)
    out.print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    figures = {
        "experts": experts,
        "demands": demands,
        "changed_experts": changes,
        "changed_demands": changed_demands,
        "sampled_demands": len(sampled),
        "board_s": board_seconds,
        "holding_s": holding_seconds,
        "match_ms": 1000 * match_seconds,
        "affected_demands": count,
        "needless_share": needless / max(1, len(affected)),
        "missed_in_sample": len(missed),
        "total_s": total,
        "s_per_change": total / (changes + changed_demands),
        "share_of_a_minute": total / 60,
        "everything_again_s": match_seconds * demands,
        "rss_mb": psutil.Process().memory_info().rss / 1e6,
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    typer.run(main)
