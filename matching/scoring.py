"""One function for benchmarks: experts and texts in, a matrix of scores out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from matching.embeddings import Encoder
from matching.index import MatchIndex
from matching.matcher import match
from matching.types import Candidate, Document, Query
from matching.weights import DEFAULT_WEIGHTS, Weights


class Expert(TypedDict):
    """An expert of a benchmark; the name is not read, since it says nothing of what one knows."""

    id: str
    name: NotRequired[str]
    profile: NotRequired[str]
    documents: NotRequired[Sequence[str]]


def score(
    experts: Sequence[Expert],
    queries: Sequence[str],
    *,
    encoder: Encoder | None = None,
    weights: Weights = DEFAULT_WEIGHTS,
) -> NDArray[np.float64]:
    """Return the (queries, experts) scores; higher is better, and only rows compare.

    The queries centre the dense space and show which experts are hubs, as a platform's demands do.
    With `encoder`, as `LocalEncoder()`, texts are compared by meaning, else by a latent space of
    the experts. ValueError when two experts have the same id.
    """
    asked = [Query(title="", problem=text) for text in queries]
    index = MatchIndex.fit([_candidate(expert) for expert in experts], encoder, asked)
    size = max(1, len(experts))
    columns = {expert["id"]: column for column, expert in enumerate(experts)}
    found = np.zeros((len(queries), len(experts)))
    for row, query in enumerate(asked):
        ranking = match(query, index, encoder=encoder, weights=weights, limit=size, depth=size)
        for one in ranking.matches:
            found[row, columns[one.candidate_id]] = one.score
    return found


def _candidate(expert: Expert) -> Candidate:
    texts = [expert.get("profile", ""), *expert.get("documents", ())]
    return Candidate(
        candidate_id=expert["id"],
        documents=tuple(
            Document(document_id=str(place), kind="document" if place else "profile", text=text)
            for place, text in enumerate(texts)
        ),
    )
