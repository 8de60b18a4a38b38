"""Why a candidate ranks where it does: contributions that add up, evidence, shared terms, gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from matching.columns import string
from matching.emphasis import meant_text, must_haves
from matching.fusion import Chosen, Feature
from matching.index import MatchIndex
from matching.queries import QueryFeatures
from matching.segments import GRADES
from matching.shares import (
    Subject,
    count_occurrences,
    keyword_shares,
    lexical_shares,
    passage_shares,
    uncovered,
)
from matching.terms import Wording, heaviest, read_wording, shared_terms
from matching.types import Contribution, Evidence, Match, Query
from matching.weights import Weights

SHOWN_EVIDENCE = 3
SHOWN_TERMS = 8

Shares = Mapping[str, NDArray[np.float64]]


def explain(
    query: Query,
    asked: QueryFeatures,
    index: MatchIndex,
    chosen: Chosen,
    subjects: Sequence[Subject],
    weights: Weights,
) -> tuple[Match, ...]:
    """Explain the ranked `subjects`, best first."""
    if not subjects:
        return ()
    wording = read_wording(meant_text(query), index.model)
    idf = index.model.idf_of(asked.keys)
    keywords = keyword_shares(must_haves(query), asked, idf)
    occurrences = count_occurrences(asked, subjects)
    lexical = lexical_shares(asked, idf, occurrences, subjects)
    matches = []
    for place, subject in enumerate(subjects):
        passage, best = passage_shares(chosen.passages, subject)
        shares = {"lexical": lexical[place], "passage": passage}
        support = weights.fused({"lexical": lexical[place], "passage": best})
        gaps = uncovered(keywords, occurrences.of(place))
        told = evidence(subject, support, wording)
        matches.append(_match(subject, place + 1, chosen, shares, weights, told, gaps))
    return tuple(matches)


def _match(
    subject: Subject,
    rank: int,
    chosen: Chosen,
    shares: Shares,
    weights: Weights,
    told: tuple[list[Evidence], dict[str, float]],
    gaps: tuple[str, ...],
) -> Match:
    items, terms = told
    named = contributions(subject, chosen.features, shares, weights)
    raw = {name: float(f.values[subject.place]) for name, f in chosen.features.items()}
    for preference in chosen.preferences:
        value = float(preference.values[subject.place])
        named.append(Contribution(name=preference.name, value=preference.weight * value))
        raw[preference.name] = value
    return Match(
        candidate_id=subject.candidate_id,
        rank=rank,
        score=sum(contribution.value for contribution in named),
        contributions=tuple(named),
        features=raw,
        terms=heaviest(terms, SHOWN_TERMS),
        evidence=tuple(items),
        uncovered_keywords=gaps,
        is_pending=subject.is_pending,
    )


def contributions(
    subject: Subject,
    features: Mapping[str, Feature],
    shares: Shares,
    weights: Weights,
) -> list[Contribution]:
    """Return the baseline and what each feature, document by document, puts above or below it."""
    baseline = weights.fused({name: feature.mean for name, feature in features.items()})
    named = [Contribution(name="baseline", value=baseline)]
    for name, feature in features.items():
        excess = weights.of(name) * (float(feature.values[subject.place]) - feature.mean)
        named += divided(name, excess, shares.get(name, np.zeros(0)), subject)
    return named


def divided(
    space: str, excess: float, shares: NDArray[np.float64], subject: Subject
) -> list[Contribution]:
    """Divide a space's excess among the documents that it comes from, in proportion."""
    total = float(shares.sum())
    if total == 0:
        return [Contribution(name=space, value=excess)]
    ids = subject.segment.candidates.documents.values.ids
    return [
        Contribution(
            name=space,
            value=excess * float(shares[place]) / total,
            document_id=string(ids, subject.documents[place]),
        )
        for place in np.flatnonzero(shares).tolist()
    ]


def evidence(
    subject: Subject, support: NDArray[np.float64], wording: Wording
) -> tuple[list[Evidence], dict[str, float]]:
    """Return the documents that support most, and all terms that they share with the query."""
    documents = subject.segment.candidates.documents.values
    items: list[Evidence] = []
    terms: dict[str, float] = {}
    order = [place for place in np.argsort(-support, kind="stable").tolist() if support[place] > 0]
    for place in order[:SHOWN_EVIDENCE]:
        row = subject.documents[place]
        shared = shared_terms(wording, subject.texts[place])
        terms |= shared
        items.append(
            Evidence(
                document_id=string(documents.ids, row),
                kind=string(documents.kinds, row),
                grade=GRADES[documents.grades[row]],
                score=float(support[place]),
                terms=heaviest(shared, SHOWN_TERMS),
            )
        )
    return items, terms
