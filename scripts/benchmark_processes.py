"""Measure the memory of service processes: `python -m scripts.benchmark_processes [--experts N]`.

So many processes load the application and a saved index of a generated pool (that of
`scripts.benchmark_matching`) and match on it; their proportional set sizes are summed, in which a
page that n processes map counts for each as its nth part. Beside them as many processes that hold
a copy of the index each. The matches are timed in pairs, one mapped, one copied, in turn.

Progress goes to standard error; the last line of the output is one JSON object.
"""

import json
import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from rich.console import Console

from matching import MatchIndex, Query, fit_model, match
from matching.columns import flatten, unflatten
from matching.kernels import warm_up
from matching.segments import Segment
from scripts.benchmark_matching import (
    RandomVectors,
    make_language,
    make_pool,
    make_queries,
)

COUNTS = (1, 2, 4)
QUERIES = 30
ROUNDS = 5

out = Console(stderr=True)
fresh = multiprocessing.get_context("spawn")


def save_index(path: Path, experts: int, seed: int) -> None:
    """Generate a pool and save its index; in a process of its own, whose memory goes with it."""
    random = np.random.default_rng(seed)
    language = make_language(experts, random)
    pool, vectors = make_pool(language, experts, random), RandomVectors(random)
    queries = make_queries(language, QUERIES, random)
    model = fit_model(
        pool, encoder_name="random", vectors=vectors, queries=queries, query_vectors=vectors
    )
    MatchIndex.build(model, pool, vectors).save(path)


def copied(index: MatchIndex) -> MatchIndex:
    """The same index in this process's own memory, as whoever builds it has it."""
    segments = []
    for segment in index.segments:
        arrays = {name: array.copy() for name, array in flatten(segment)}
        for array in arrays.values():
            array.setflags(write=False)
        segments.append(unflatten(Segment, arrays))
    learned = {name: array.copy() for name, array in index.model.to_arrays().items()}
    return replace(
        index,
        model=type(index.model).from_arrays(learned),
        segments=tuple(segments),
        alive_by_segment=tuple(mask.copy() for mask in index.alive_by_segment),
    )


def cases(experts: int, seed: int) -> tuple[list[Query], RandomVectors]:
    random = np.random.default_rng(seed)
    queries = make_queries(make_language(experts, random), QUERIES, random)
    return queries, RandomVectors(random)


def hold(line: Connection, path: Path, experts: int, seed: int, is_copy: bool) -> None:
    """Load what a service process loads, match, say so, and stay until told to end."""
    import app.main  # noqa: F401

    warm_up()
    index = MatchIndex.load(path)
    if is_copy:
        index = copied(index)
    queries, vectors = cases(experts, seed)
    for query in queries:
        match(query, index, query_vectors=vectors)
    line.send("ready")
    line.recv()


@contextmanager
def holding(count: int, *arguments: Any) -> Iterator[list[int]]:
    """So many processes that hold the index; their ids."""
    lines, processes = [], []
    for _ in range(count):
        ours, theirs = fresh.Pipe()
        process = fresh.Process(target=hold, args=(theirs, *arguments))
        process.start()
        lines.append(ours)
        processes.append(process)
    for line in lines:
        line.recv()
    try:
        yield [process.pid or 0 for process in processes]
    finally:
        for line, process in zip(lines, processes, strict=True):
            line.send("end")
            process.join()


def pss_mb(pids: list[int]) -> float:
    return float(sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / 1e6)


def paired_matches(path: Path, experts: int, seed: int) -> dict[str, float]:
    """Seconds to load, and the ratio of a match's time on the mapped index to that on a copy."""
    warm_up()
    start = perf_counter()
    mapped = MatchIndex.load(path)
    loading = perf_counter() - start
    indexes, ratios = (mapped, copied(mapped)), []
    queries, vectors = cases(experts, seed)
    for turn in range(ROUNDS):
        for number, query in enumerate(queries):
            times = [0.0, 0.0]
            for which in (0, 1) if (turn + number) % 2 else (1, 0):
                start = perf_counter()
                match(query, indexes[which], query_vectors=vectors)
                times[which] = perf_counter() - start
            if turn:
                ratios.append(times[0] / times[1])
    return {"load_s": loading, "match_ratio": median(ratios)}


def main(experts: Annotated[int, typer.Option(min=1_000)] = 100_000, seed: int = 0) -> None:
    """Generate, measure, and print one JSON object on the last line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index")
        maker = fresh.Process(target=save_index, args=(path, experts, seed))
        maker.start()
        maker.join()
        figures: dict[str, float] = {"index_mb": path.stat().st_size / 1e6}
        for count in COUNTS:
            for name, is_copy in (("mapped", False), ("copied", True)):
                with holding(count, path, experts, seed, is_copy) as pids:
                    figures[f"{name}_{count}_mb"] = pss_mb(pids)
            ratio = figures[f"mapped_{count}_mb"] / figures[f"copied_{count}_mb"]
            figures[f"ratio_{count}"] = ratio
            out.print(f"{count} processes: {ratio:.2f} of as many copies")
        figures |= paired_matches(path, experts, seed)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    typer.run(main)
