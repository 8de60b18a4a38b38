"""Real demands against real profiles with graded judgments, outside the project, and their figures.

`python -m tests.matching.realcases [--encoder]` prints them. The cases directory is named by
SHUANGKU_CASES or stands beside the project as ../shared/eval/realcases.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matching.embeddings import Encoder, LocalEncoder, text_key
from matching.evaluation import (
    bootstrap_interval,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    share_judged,
    tfidf_rankings,
)
from matching.index import MatchIndex
from matching.matcher import match
from matching.passages import read
from matching.types import Candidate, Document, Query

BESIDE_PROJECT = Path(__file__).resolve().parents[3] / "shared/eval/realcases"
MEASURES = {
    "nDCG@10": ndcg,
    "MRR": reciprocal_rank,
    "recall@10": recall,
    "P@10": precision,
    "judged@10": share_judged,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Profiles, demands by id, and grades by demand: judged ones and those really docked."""

    candidates: list[Candidate]
    queries: dict[str, Query]
    judged: dict[str, dict[str, int]]
    docked: dict[str, dict[str, int]]


def directory() -> Path | None:
    """Return the cases directory, None when there is none."""
    path = Path(os.environ.get("SHUANGKU_CASES", BESIDE_PROJECT))
    return path if (path / "experts.jsonl").exists() else None


def load(path: Path) -> Cases:
    """Read the cases; an expert is a statement and, where there is one, a text of achievements."""
    demands = _lines(path / "demands.jsonl")
    return Cases(
        candidates=[_candidate(row) for row in _lines(path / "experts.jsonl")],
        queries={
            row["demand_id"]: Query(title=row["title"], problem=row["description"])
            for row in demands
        },
        judged=_grades(path / "qrels.tsv"),
        docked=_grades(path / "qrels_docking.tsv"),
    )


def rankings(cases: Cases, encoder: Encoder | None) -> dict[str, list[str]]:
    """Rank the whole pool for every demand; the demand pool centres the queries."""
    index = MatchIndex.fit(cases.candidates, encoder, list(cases.queries.values()))
    return {
        demand: [m.candidate_id for m in match(query, index, encoder=encoder).matches]
        for demand, query in cases.queries.items()
    }


def baseline(cases: Cases) -> dict[str, list[str]]:
    """Rank by scikit-learn's plain TF-IDF of character bigrams."""
    documents = {c.candidate_id: read(c).text for c in cases.candidates}
    ranked = tfidf_rankings(documents, [query.text for query in cases.queries.values()])
    return dict(zip(cases.queries, ranked, strict=True))


def values(
    ranked: dict[str, list[str]], grades: dict[str, dict[str, int]], measure: str
) -> list[float]:
    """Return one measure of every demand that has grades."""
    return [MEASURES[measure](ranked[demand], grades[demand]) for demand in sorted(grades)]


def figures(ranked: dict[str, list[str]], grades: dict[str, dict[str, int]]) -> str:
    """Return the means of all measures with their bootstrap intervals as one line."""
    parts = []
    for measure in MEASURES:
        found = values(ranked, grades, measure)
        low, high = bootstrap_interval(found)
        parts.append(f"{measure} {np.mean(found):.3f} [{low:.3f}, {high:.3f}]")
    return "  ".join(parts)


class CachedEncoder(LocalEncoder):
    """The local encoder with its vectors kept in one file, since encoding takes minutes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._known: dict[str, Any] = dict(np.load(path)) if path.exists() else {}

    def _encode(self, texts: Any, *, is_query: bool) -> Any:
        keys = [f"{is_query}-{text_key(text)}" for text in texts]
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in self._known}
        if missing:
            found = super()._encode(list(missing.values()), is_query=is_query)
            self._known |= dict(zip(missing, found, strict=True))
            np.savez(self._path, **self._known)
        return np.array([self._known[key] for key in keys], dtype=np.float32)


def _candidate(row: dict[str, str]) -> Candidate:
    name = row["expert_id"]
    texts = [("profile", f"{row['title']} {row['directions']}"), ("award", row["achievements"])]
    documents = tuple(
        Document(document_id=f"{name}-{kind}", kind=kind, text=text) for kind, text in texts if text
    )
    return Candidate(candidate_id=name, documents=documents)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def _grades(path: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for line in path.read_text().splitlines()[1:]:
        demand, expert, grade = line.split("\t")
        grades[demand][expert] = int(grade)
    return dict(grades)


def main(arguments: list[str]) -> None:
    """Print every measure for the baseline, without and with the local encoder."""
    path = directory()
    if path is None:
        sys.exit("no cases: set SHUANGKU_CASES to the cases directory")
    cases = load(path)
    systems = {"character bigram TF-IDF": baseline(cases), "no encoder": rankings(cases, None)}
    if "--encoder" in arguments:
        cache = Path(os.environ.get("TMPDIR", "/tmp")) / "shuangku-realcases-vectors.npz"
        systems["local encoder"] = rankings(cases, CachedEncoder(cache))
    for name, ranked in systems.items():
        print(f"{name}\n  judged   {figures(ranked, cases.judged)}")
        print(f"  docking  {figures(ranked, cases.docked)}")


if __name__ == "__main__":
    main(sys.argv[1:])
