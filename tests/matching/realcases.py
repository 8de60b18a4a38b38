"""Real demands against real profiles, ranked in this process.

Their folder is named by SHUANGKU_CASES or stands beside the project as ../shared/eval/realcases.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from scripts.cases import Cases, Grades

from matching.evaluation import tfidf_rankings
from matching.index import MatchIndex
from matching.matcher import match
from matching.passages import read
from matching.types import Candidate, Document, Query

BESIDE_PROJECT = Path(__file__).resolve().parents[3] / "shared/eval/realcases"
Rankings = Mapping[str, Sequence[str]]


def directory() -> Path | None:
    """Return the cases directory, None when there is none."""
    path = Path(os.environ.get("SHUANGKU_CASES", BESIDE_PROJECT))
    return path if (path / "experts.jsonl").exists() else None


def rankings(cases: Cases) -> Rankings:
    """Rank the whole pool for every demand, without an encoder; the demands centre the queries."""
    queries = _queries(cases)
    index = MatchIndex.fit(_candidates(cases), None, list(queries.values()))
    return {
        demand: [m.candidate_id for m in match(query, index).matches]
        for demand, query in queries.items()
    }


def baseline(cases: Cases) -> Rankings:
    """Rank by scikit-learn's plain TF-IDF of character bigrams."""
    queries = _queries(cases)
    documents = {c.candidate_id: read(c).text for c in _candidates(cases)}
    ranked = tfidf_rankings(documents, [query.text for query in queries.values()])
    return dict(zip(queries, ranked, strict=True))


def mean(
    measure: Callable[[Sequence[str], Mapping[str, int]], float], ranked: Rankings, grades: Grades
) -> float:
    """The measure's mean over the demands that have grades."""
    return fmean(measure(ranked[demand], grades[demand]) for demand in grades)


def _queries(cases: Cases) -> dict[str, Query]:
    return {
        row["demand_id"]: Query(title=row["title"], problem=row["description"])
        for row in cases.demands
    }


def _candidates(cases: Cases) -> list[Candidate]:
    """An expert is a statement and, where there is one, a text of achievements."""
    return [_candidate(row) for row in cases.experts]


def _candidate(row: dict[str, str]) -> Candidate:
    name = row["expert_id"]
    texts = [("profile", f"{row['title']} {row['directions']}"), ("award", row["achievements"])]
    documents = tuple(
        Document(document_id=f"{name}-{kind}", kind=kind, text=text) for kind, text in texts if text
    )
    return Candidate(candidate_id=name, documents=documents)
