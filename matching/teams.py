"""A chief expert and members who together cover the aspects of a demand.

A team is worth the sum, over the aspects, of an aspect's weight times what the best of the team
covers of it. More members never lower that sum, and add the less the more there are already, so
that taking whoever adds most, again and again, comes within 1 − 1/e of the best team of that size
(Nemhauser, Wolsey and Fisher 1978), and what each member adds can be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.columns import string
from matching.concepts import extract
from matching.emphasis import must_haves
from matching.index import MatchIndex
from matching.model import IndexModel
from matching.queries import QueryFeatures
from matching.shares import COVERED_SHARE, Subject, count_occurrences, keyword_shares, subject_at
from matching.text import phrase_keys
from matching.types import HEAVIEST, Query

MOST_ASPECTS = 12
FEW_ASPECTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """One thing that a demand asks for; must-haves weigh 3."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How much of an aspect somebody covers, from ½ to 1, and the document that shows it."""

    aspect: str
    share: float
    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody in a team: what they cover, and what the team gained when they came."""

    candidate_id: str
    rank: int
    gain: float
    covers: tuple[Covered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The members, the chief first; `coverage` (0 to 1) is the sum of their gains."""

    members: tuple[Member, ...]
    aspects: tuple[Aspect, ...]
    uncovered: tuple[str, ...]
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """What each candidate covers of each aspect, (candidates, aspects); 0 is less than half.

    `documents` are the places, among a candidate's documents, of those that show it.
    """

    subjects: Sequence[Subject]
    aspects: Sequence[Aspect]
    shares: NDArray[np.float64]
    documents: NDArray[np.int64]

    @property
    def worth(self) -> NDArray[np.float64]:
        """The shares by what the aspects weigh; an aspect fully covered by all would sum to 1."""
        weights = np.array([aspect.weight for aspect in self.aspects])
        return np.asarray(self.shares * (weights / weights.sum()))

    def of_first(self, count: int) -> float:
        """What the first `count` candidates cover together, as `Team.coverage` has it."""
        return float(self.worth[:count].max(axis=0, initial=0).sum())


def aspects_of(query: Query, model: IndexModel) -> tuple[Aspect, ...]:
    """Return what the query asks for, at most 12: its must-haves, then its other concepts.

    Of a query that names fewer than two, the technical terms of its texts.
    """
    musts = [Aspect(text=text, weight=HEAVIEST) for text in must_haves(query)]
    known = {aspect.text for aspect in musts}
    others = [
        Aspect(text=concept.text, weight=concept.weight)
        for concept in query.concepts
        if concept.weight and concept.text not in known
    ]
    named = musts + others
    if len(named) < FEW_ASPECTS:
        texts = {"title": query.title, "problem": query.problem, "indicators": query.indicators}
        found = extract(texts, query.keywords, model)
        known = {aspect.text for aspect in named}
        named += [Aspect(text=p.text, weight=p.weight) for p in found if p.text not in known]
    return tuple(named[:MOST_ASPECTS])


def cover(aspects: Sequence[Aspect], index: MatchIndex, candidate_ids: Sequence[str]) -> Coverage:
    """Return what each candidate's best document covers of each aspect, by idf of its terms.

    KeyError for a candidate whom the index does not hold, ValueError without aspects.
    """
    if not aspects:
        raise ValueError("aspects must hold at least one, got 0")
    keys = np.unique(np.concatenate([phrase_keys(aspect.text) for aspect in aspects]))
    asked = QueryFeatures(keys, np.ones(len(keys), dtype=np.float32))
    rows = np.array([_row_of(index, candidate_id) for candidate_id in candidate_ids])
    subjects = [subject_at(index, rows, place) for place in range(len(rows))]
    idf = index.model.idf_of(keys)
    parts = keyword_shares([aspect.text for aspect in aspects], asked, idf)
    none = np.zeros(len(keys))  # of an aspect without a word
    wanted = np.array([parts.get(aspect.text, none) for aspect in aspects]).T
    occurrences = count_occurrences(asked, subjects)
    shares = np.zeros((len(subjects), len(aspects)))
    documents = np.zeros(shares.shape, dtype=np.int64)
    for place in range(len(subjects)):
        held = (occurrences.of(place) > 0) @ wanted
        documents[place], shares[place] = held.argmax(axis=0), held.max(axis=0)
    return Coverage(subjects, aspects, np.where(shares < COVERED_SHARE, 0, shares), documents)


def propose_team(coverage: Coverage, *, size: int) -> Team:
    """Choose up to `size` from candidates that stand best first: a chief, then whoever adds most.

    The chief is the first who covers anything. Equals go by rank, and nobody comes who adds
    nothing, so that a team may be smaller. ValueError when `size` < 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    worth = coverage.worth
    best = np.zeros(len(coverage.aspects))
    members: list[Member] = []
    while len(members) < size:
        gains = np.maximum(worth - best, 0).sum(axis=1)
        place = int(np.argmax(gains > 0)) if not members else int(np.argmax(gains))
        if not gains[place] > 0:
            break
        members.append(_member(coverage, place, float(gains[place])))
        best = np.maximum(best, worth[place])
    return Team(
        members=tuple(members),
        aspects=tuple(coverage.aspects),
        uncovered=tuple(a.text for a, b in zip(coverage.aspects, best, strict=True) if b == 0),
        coverage=float(best.sum()),
    )


def _member(coverage: Coverage, place: int, gain: float) -> Member:
    subject = coverage.subjects[place]
    ids = subject.segment.candidates.documents.values.ids
    return Member(
        candidate_id=subject.candidate_id,
        rank=place + 1,
        gain=gain,
        covers=tuple(
            Covered(
                aspect=aspect.text,
                share=float(coverage.shares[place, number]),
                document_id=string(ids, subject.documents[coverage.documents[place, number]]),
            )
            for number, aspect in enumerate(coverage.aspects)
            if coverage.shares[place, number]
        ),
    )


def _row_of(index: MatchIndex, candidate_id: str) -> int:
    row = index.row_of(candidate_id)
    if row is None:
        raise KeyError(candidate_id)
    return row
