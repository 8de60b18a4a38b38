"""Why a candidate ranks where they do, as they may know it: nothing tells what a demand hides.

Rank and score come from the demand's full text. Told document by document, or exactly, they would
tell an expert who has one word stand in each item which of the words an enterprise keeps to itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.demands.models import Demand
from app.experts.models import Expert
from app.matches.index.documents import candidate_of_expert, public_text_of_demand
from matching import Document
from matching.terms import heaviest, plain_wording, shared_terms, terms_in
from matching.text import fold

PROFILE_TITLE = "专家简介"
DECIMALS = 1
# Characters that are looked through for each match of a page, of one document and of all.
LONGEST_DOCUMENT, MOST_TEXT = 2_000, 50_000
SHOWN_EVIDENCE, SHOWN_TERMS = 3, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDocument:
    """A document of a candidate, the name it goes by and its folded text."""

    document: Document
    title: str
    text: str


def own_documents(expert: Expert) -> list[OwnDocument]:
    """What speaks for the expert as the profile is now; it needs the evidence."""
    titles = {str(expert.id): PROFILE_TITLE, **{str(e.id): e.title for e in expert.evidence}}
    found, left = [], MOST_TEXT
    for one in candidate_of_expert(expert).documents:
        text = fold(one.text)[: min(LONGEST_DOCUMENT, left)]
        left -= len(text)
        found.append(OwnDocument(document=one, title=titles[one.document_id], text=text))
    return found


def for_candidate(
    reasons: Mapping[str, Any], demand: Demand, documents: Sequence[OwnDocument]
) -> dict[str, Any]:
    """The reasons by space and rounded, with evidence and terms of the demand's public text alone.

    Evidence and terms are looked for anew: which of the stored ones came first, or found no more
    room, follows from the full text.
    """
    public = public_text_of_demand(demand)
    return {
        **reasons,
        "score": rounded(reasons["score"]),
        "contributions": _by_space(reasons["contributions"]),
        "uncovered_keywords": terms_in(reasons["uncovered_keywords"], public),
        **_in_public_words(public, documents),
    }


def rounded(value: float) -> float:
    """To one decimal; never −0.0."""
    return round(value, DECIMALS) + 0.0


def _by_space(contributions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    sums: dict[str, float] = {}
    for one in contributions:
        sums[one["name"]] = sums.get(one["name"], 0.0) + one["value"]
    return [
        {"name": name, "value": rounded(value), "document_id": None} for name, value in sums.items()
    ]


def _in_public_words(public: str, documents: Iterable[OwnDocument]) -> dict[str, Any]:
    """The documents that have most words of a text, and which these are."""
    wording = plain_wording(public)
    found = [(one, shared_terms(wording, one.text)) for one in documents]
    found.sort(key=lambda pair: (-sum(pair[1].values()), pair[0].document.document_id))
    named = [pair for pair in found[:SHOWN_EVIDENCE] if pair[1]]
    every = {term: weight for _, terms in named for term, weight in terms.items()}
    return {
        "terms": list(heaviest(every, SHOWN_TERMS)),
        "evidence": [
            {
                "document_id": one.document.document_id,
                "kind": one.document.kind,
                "title": one.title,
                "grade": one.document.grade.value,
                "score": 0.0,
                "terms": list(heaviest(terms, SHOWN_TERMS)),
            }
            for one, terms in named
        ],
    }
