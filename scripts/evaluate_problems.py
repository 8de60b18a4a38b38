"""How precisely like demands are told, and put together, on real demands with judged pairs.

    python -m scripts.evaluate_problems CASES_DIR [--pairs FILE]

CASES_DIR holds demands.jsonl as app/evaluation/cases.py describes it and, where there is one,
title_pairs.jsonl (demand, achievement, level 1 to 4), whose demands join the pool by their titles.
FILE (CASES_DIR/demand_pairs.tsv) holds, under a heading, two titles and a grade: 3 the same
problem, 2 one effort could solve both, 1 the same field only, 0 nothing. A pair that nobody judged
counts as 0, so precision is never flattered. The last line is one JSON object.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score

from app.problems.grouping import NEAR_DUPLICATE, SIMILAR, Pair, group
from app.problems.similarity import looks_of, pairs_of
from matching import Candidate, Document, Encoder, LocalEncoder, MatchIndex, Query, match
from matching.embeddings import centred, unit

RELEVANT = 2
FOLDS = 5
THRESHOLDS = np.arange(0.10, 0.96, 0.01)
SHIPPED = "matcher"  # what the service does
Matrix = NDArray[np.float64]

console = Console(stderr=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """Titles, descriptions where they are known, and the grades of pairs by their places."""

    titles: Sequence[str]
    descriptions: Sequence[str]
    grades: Mapping[tuple[int, int], int]

    @property
    def places(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self.titles)), 2))

    @property
    def relevant(self) -> NDArray[np.bool_]:
        return np.array([self.grades.get(pair, 0) >= RELEVANT for pair in self.places])


def read(folder: Path, pairs: Path) -> Demands:
    """Raises FileNotFoundError."""
    found = {d["title"]: str(d.get("description", "")) for d in _lines(folder / "demands.jsonl")}
    if (folder / "title_pairs.jsonl").exists():
        for pair in _lines(folder / "title_pairs.jsonl"):
            found.setdefault(pair["demand"], "")
    place = {title: at for at, title in enumerate(found)}
    grades = {}
    for line in pairs.read_text(encoding="utf-8").splitlines()[1:]:
        one, two, grade = line.split("\t")
        grades[min(place[one], place[two]), max(place[one], place[two])] = int(grade)
    return Demands(titles=list(found), descriptions=list(found.values()), grades=grades)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def by_bigrams(demands: Demands) -> Matrix:
    """Cosines of plain TF-IDF over pairs of characters."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(2, 2), sublinear_tf=True)
    rows = vectorizer.fit_transform(_texts(demands))
    return np.asarray((rows @ rows.T).toarray())


def by_vectors(demands: Demands) -> Matrix:
    """Cosines of the encoder's vectors, centred."""
    vectors = unit(LocalEncoder().encode_documents(_texts(demands)))
    rows = centred(vectors, vectors.mean(axis=0))
    return np.asarray(rows @ rows.T, dtype=np.float64)


def by_matcher(demands: Demands, encoder: Encoder | None) -> Matrix:
    """What the service takes: the matcher's spaces, in the mean of both directions."""
    ids = [f"{at:05}" for at in range(len(demands.titles))]
    pool = [
        Candidate(candidate_id=i, documents=(Document(document_id=i, kind="demand", text=text),))
        for i, text in zip(ids, _texts(demands), strict=True)
    ]
    queries = [
        Query(title=title, problem=description)
        for title, description in zip(demands.titles, demands.descriptions, strict=True)
    ]
    index = MatchIndex.fit(pool, encoder, queries)
    looks = {
        i: looks_of(i, match(query, index, encoder=encoder, limit=len(pool)).matches)
        for i, query in zip(ids, queries, strict=True)
    }
    found = np.zeros((len(ids), len(ids)))
    for pair in pairs_of(looks, least=0.0):
        one, two = int(pair.first), int(pair.second)
        found[one, two] = found[two, one] = pair.similarity
    return found


def _texts(demands: Demands) -> list[str]:
    return [f"{t}\n{d}".strip() for t, d in zip(demands.titles, demands.descriptions, strict=True)]


def values_of(similarity: Matrix, demands: Demands) -> NDArray[np.float64]:
    return np.array([similarity[pair] for pair in demands.places])


def precision_and_recall(is_found: NDArray[np.bool_], relevant: NDArray[np.bool_]) -> list[float]:
    """And how many were found."""
    hits = int((is_found & relevant).sum())
    return [hits / max(1, int(is_found.sum())), hits / max(1, int(relevant.sum())), is_found.sum()]


def best_threshold(values: NDArray[np.float64], relevant: NDArray[np.bool_]) -> float:
    """The one with the highest F₀.₅, in which precision counts twice as much as recall."""

    def score(threshold: float) -> float:
        precision, recall, _ = precision_and_recall(values >= threshold, relevant)
        return 1.25 * precision * recall / max(1e-9, 0.25 * precision + recall)

    return float(max(THRESHOLDS, key=lambda t: (round(score(t), 9), t)))


def cross_validated(values: NDArray[np.float64], demands: Demands) -> dict[str, float]:
    """Each fold's pairs by the threshold of the others; a pair is in its first demand's fold."""
    fold = np.array([one % FOLDS for one, _ in demands.places])
    relevant, is_found, chosen = demands.relevant, np.zeros(len(values), np.bool_), []
    for number in range(FOLDS):
        rest = fold != number
        chosen.append(best_threshold(values[rest], relevant[rest]))
        is_found |= ~rest & (values >= chosen[-1])
    precision, recall, _ = precision_and_recall(is_found, relevant)
    return {"cv_threshold": fmean(chosen), "cv_precision": precision, "cv_recall": recall}


def compare(similarities: Mapping[str, Matrix], demands: Demands) -> dict[str, dict[str, float]]:
    """Every similarity by itself: how it orders pairs, and what its best threshold lets through."""
    found = {}
    for name, similarity in similarities.items():
        values = values_of(similarity, demands)
        figures = {"average_precision": float(average_precision_score(demands.relevant, values))}
        found[name] = figures | cross_validated(values, demands)
    return found


def groups_by(method: str, similarity: Matrix, threshold: float) -> list[frozenset[int]]:
    """Groups of two and more; each demand counts as an enterprise of its own."""
    if method == "complete":
        pairs = [
            Pair(first=f"{one:05}", second=f"{two:05}", similarity=similarity[one, two])
            for one, two in combinations(range(len(similarity)), 2)
        ]
        names = {f"{at:05}": str(at) for at in range(len(similarity))}
        return [frozenset(map(int, g)) for g in group(pairs, names, threshold=threshold)]
    distances = 1 - similarity
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method)
    labels = fcluster(tree, 1 - threshold, "distance")
    all_of = [frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels)]
    return [found for found in all_of if len(found) > 1]


def linkages(similarity: Matrix, demands: Demands) -> dict[str, dict[str, float]]:
    """Of the pairs within groups, how many belong together, at both of the service's thresholds.

    `similar_precision` leaves out those that are the same problem, which are easy to find.
    """
    found = {}
    is_same = np.array([demands.grades.get(pair, 0) > RELEVANT for pair in demands.places])
    for threshold in (SIMILAR, NEAR_DUPLICATE):
        for method in ("complete", "average", "single"):
            groups = groups_by(method, similarity, threshold)
            inside = {pair for g in groups for pair in combinations(sorted(g), 2)}
            is_found = np.array([pair in inside for pair in demands.places])
            precision, recall, count = precision_and_recall(is_found, demands.relevant)
            found[f"{method} ≥ {threshold:.2f}"] = {
                "groups": len(groups),
                "largest": max(map(len, groups), default=0),
                "pairs": count,
                "precision": precision,
                "recall": recall,
                "similar_precision": precision_and_recall(is_found & ~is_same, demands.relevant)[0],
            }
    return found


def report(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title=title)
    for name in ("", *next(iter(rows.values()))):
        table.add_column(name)
    for name, figures in rows.items():
        shown = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in figures.values())
        table.add_row(name, *shown)
    return table


def main(
    cases_dir: Path,
    pairs: Annotated[Path | None, typer.Option(help="judged pairs of demands")] = None,
    titles_only: Annotated[bool, typer.Option(help="leave descriptions out")] = False,
) -> None:
    """Evaluate how like demands are found, against judged pairs."""
    try:
        demands = read(cases_dir, pairs or cases_dir / "demand_pairs.tsv")
    except FileNotFoundError as error:
        console.print(f"[yellow]![/] 跳过：没有 {error.filename} · skipped: it is not there")
        print(json.dumps({"skipped": str(error.filename)}, ensure_ascii=False))
        return
    if titles_only:
        nothing = [""] * len(demands.titles)
        demands = Demands(titles=demands.titles, descriptions=nothing, grades=demands.grades)
    ways: dict[str, Callable[[], Matrix]] = {
        "bigrams": lambda: by_bigrams(demands),
        "vectors": lambda: by_vectors(demands),
        f"{SHIPPED} without encoder": lambda: by_matcher(demands, None),
        SHIPPED: lambda: by_matcher(demands, LocalEncoder()),
    }
    similarities = {name: way() for name, way in ways.items()}
    compared = compare(similarities, demands)
    grouped = linkages(similarities[SHIPPED], demands)
    count = f"{len(demands.titles)} 条需求 · demands, {int(demands.relevant.sum())} 对相近 · pairs"
    console.print(report(count, compared))
    console.print(report(f"{SHIPPED}: 分组 · groups", grouped))
    rounded = {
        kind: {name: {k: round(float(v), 3) for k, v in row.items()} for name, row in rows.items()}
        for kind, rows in (("similarities", compared), ("groups", grouped))
    }
    print(json.dumps({"demands": len(demands.titles), **rounded}, ensure_ascii=False))


if __name__ == "__main__":
    typer.run(main)
