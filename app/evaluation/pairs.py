"""Pairs of a demand's and an achievement's title, graded by people: how well scores follow them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from app.evaluation.cases import MATCHING_LEVEL, TitlePair
from matching import (
    Candidate,
    Document,
    Encoder,
    MatchIndex,
    Query,
    Weights,
    centring_queries,
    fit_model,
    match,
)
from matching.embeddings import encoded_queries
from matching.index import encode
from matching.weights import SPACES


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Spearman's correlation with the levels, and the area under the ROC curve of level ≥ 3."""

    spearman: float
    auc: float

    @classmethod
    def of(cls, scores: NDArray[np.float64], levels: NDArray[np.int64]) -> "Agreement":
        return cls(
            spearman=float(spearmanr(scores, levels).statistic),
            auc=float(roc_auc_score(levels >= MATCHING_LEVEL, scores)),
        )


def agreements(pairs: Sequence[TitlePair], encoder: Encoder) -> dict[str, Agreement]:
    """The fused score, and each space alone, over all pairs; the latent space fused, too."""
    levels = np.array([pair.level for pair in pairs])
    features = _features(pairs, encoder)
    weights = Weights()
    latent = _features(pairs, None)
    found = {
        "fused": weights.fused(features),
        **features,
        "without-encoder": weights.fused(latent),
        "lsa": latent["topic"],
    }
    return {name: Agreement.of(scores, levels) for name, scores in found.items()}


def _features(
    pairs: Sequence[TitlePair], encoder: Encoder | None
) -> Mapping[str, NDArray[np.float64]]:
    """Each space's cosine of every pair; achievements are candidates of one document."""
    titles = list(dict.fromkeys(pair.achievement for pair in pairs))
    pool = [_candidate(title) for title in titles]
    queries = {title: Query(title=title) for title in dict.fromkeys(p.demand for p in pairs)}
    index, vectors = MatchIndex.fit(pool, queries=list(queries.values())), None
    if encoder is not None:
        asked = centring_queries(list(queries.values()), pool)
        vectors = encoded_queries(encoder, [t for query in asked for t in query.texts_to_encode])
        documents = encode(pool, encoder)
        model = fit_model(
            pool,
            encoder_name=encoder.name,
            vectors=documents,
            queries=list(queries.values()),
            query_vectors=vectors,
        )
        index = MatchIndex.build(model, pool, documents)
    found = {
        demand: {
            one.candidate_id: one.features
            for one in match(
                query, index, query_vectors=vectors, limit=len(pool), depth=len(pool)
            ).matches
        }
        for demand, query in queries.items()
    }
    return {
        space: np.array([found[p.demand][p.achievement][space] for p in pairs]) for space in SPACES
    }


def _candidate(title: str) -> Candidate:
    document = Document(document_id=title, kind="achievement", text=title)
    return Candidate(candidate_id=title, documents=(document,))
