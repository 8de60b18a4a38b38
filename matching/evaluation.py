"""Measures of a ranking against graded judgments, and two plain baselines to compare with.

Grades are 0 (no) to 3 (could lead); whoever was not judged counts as 0. A ranking is a list of
candidate ids, best first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log2
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matching.text import normalise

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

Grades = Mapping[str, int]
RELEVANT = 2
LEAST = 5  # queries: of fewer an interval says nothing
DRAWN_AT_ONCE = 1_000_000  # numbers, so that memory does not grow with the queries


def ndcg(ranking: Sequence[str], grades: Grades, k: int = 10) -> float:
    """Normalised discounted cumulative gain (Järvelin & Kekäläinen 2002), gain 2^grade − 1.

    The ideal ranking is made of all judged candidates; 0 when none of them has a gain.
    """
    ideal = _dcg(sorted(grades.values(), reverse=True)[:k])
    found = _dcg([grades.get(candidate, 0) for candidate in ranking[:k]])
    return found / ideal if ideal > 0 else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades, relevant: int = RELEVANT) -> float:
    """1 / rank of the first candidate graded `relevant` or better, 0 when there is none."""
    ranks = (r for r, c in enumerate(ranking, start=1) if grades.get(c, 0) >= relevant)
    return 1 / next(ranks, inf)


def recall(ranking: Sequence[str], grades: Grades, k: int = 10, relevant: int = RELEVANT) -> float:
    """Share of the relevant candidates that stand in the first k, 0 when there are none."""
    wanted = {candidate for candidate, grade in grades.items() if grade >= relevant}
    return len(wanted.intersection(ranking[:k])) / len(wanted) if wanted else 0.0


def precision(
    ranking: Sequence[str], grades: Grades, k: int = 10, relevant: int = RELEVANT
) -> float:
    """Share of the first k places that a relevant candidate holds."""
    return sum(grades.get(candidate, 0) >= relevant for candidate in ranking[:k]) / k


def share_judged(ranking: Sequence[str], grades: Grades, k: int = 10) -> float:
    """Share of the first k that somebody judged: how far the other measures can be trusted."""
    first = ranking[:k]
    return sum(candidate in grades for candidate in first) / len(first) if first else 0.0


def bootstrap_interval(
    values: Sequence[float], *, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over queries (Efron 1979); ValueError if empty."""
    if not values:
        raise ValueError("an interval needs at least one value, got 0")
    observed = np.asarray(values, dtype=np.float64)
    generator, size = np.random.default_rng(seed), len(observed)
    block = max(1, DRAWN_AT_ONCE // size)
    counts = [min(block, samples - done) for done in range(0, samples, block)]
    drawn = [observed[generator.integers(0, size, (n, size))].mean(axis=1) for n in counts]
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(np.concatenate(drawn), [tail, 100 - tail])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over queries with its 95 % bootstrap interval, None of fewer than five."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        low, high = bootstrap_interval(values) if len(values) >= LEAST else (None, None)
        return cls(mean=fmean(values), low=low, high=high)

    def shown(self, *, sign: str = "") -> str:
        """For people; `sign` is "+" where a gain shall show one, too."""
        spec = f"{sign}.3f"
        if self.low is None or self.high is None:
            return f"{self.mean:{spec}}"
        return f"{self.mean:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def tfidf_rankings(
    documents: Mapping[str, str],
    queries: Sequence[str],
    *,
    words: Callable[[str], list[str]] | None = None,
) -> list[list[str]]:
    """Rank all documents for each query by plain TF-IDF cosine, ties by id: the baselines.

    Features, sublinear and with smoothed idf, are the words that `words` cuts out of a normalised
    text, or the character bigrams of its runs of letters and digits.
    """
    ids = sorted(documents)
    vectorizer = _vectorizer(words)
    matrix = vectorizer.fit_transform([documents[candidate] for candidate in ids])
    scores: NDArray[np.float64] = (vectorizer.transform(list(queries)) @ matrix.T).toarray()
    return [[ids[i] for i in np.argsort(-row, kind="stable")] for row in scores]


def _vectorizer(words: Callable[[str], list[str]] | None) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer  # here: services measure too

    cut = words or _bigrams
    return TfidfVectorizer(analyzer=lambda text: cut(normalise(text)), sublinear_tf=True)


def _bigrams(text: str) -> list[str]:
    runs = re.findall(r"\w+", text)
    return [run[at : at + 2] for run in runs for at in range(max(1, len(run) - 1))]


def _dcg(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1) / log2(place + 2) for place, grade in enumerate(grades))
