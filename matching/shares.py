"""Which document of a candidate a score comes from, and which keywords no document covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matching.aggregation import PassageScores
from matching.arrays import Floats, Rowset, positions
from matching.columns import string
from matching.index import MatchIndex
from matching.queries import QueryFeatures
from matching.segments import Segment
from matching.text import phrase_keys, term_keys

COVERED_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One candidate to explain: its place among the chosen rows, where it is stored, its documents.

    `documents` are rows of the segment; `texts` theirs.
    """

    place: int
    segment: Segment
    row: int
    candidate_id: str
    documents: range
    texts: list[str]

    @property
    def norm(self) -> float:
        """Norm of the candidate's TF-IDF row before it was made a unit."""
        return float(self.segment.candidates.norms[self.row])

    @property
    def is_pending(self) -> bool:
        """Whether some vector of the candidate is missing."""
        return bool(self.segment.candidates.is_pending[self.row])


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """How often each query term stands in each document of the subjects, (documents, terms).

    Documents of all subjects follow each other; `starts` (subjects + 1) says whose they are.
    """

    frequencies: NDArray[np.float64]
    starts: NDArray[np.int64]

    def of(self, number: int) -> NDArray[np.float64]:
        """Return the (documents, terms) counts of one subject."""
        return self.frequencies[self.starts[number] : self.starts[number + 1]]


def subject_at(index: MatchIndex, rows: Rowset, place: int) -> Subject:
    """Look up the candidate at `rows[place]`."""
    number = int(index.segments_of(rows[place : place + 1])[0])
    segment = index.segments[number]
    row = int(rows[place] - index.starts[number])
    documents = range(*segment.candidates.documents.bounds(row))
    stored = segment.candidates.documents.values.texts
    texts = [string(stored, document) for document in documents]
    name = string(segment.candidates.ids, row)
    return Subject(place, segment, row, name, documents, texts)


def count_occurrences(features: QueryFeatures, subjects: Sequence[Subject]) -> Occurrences:
    """Count the query's terms in the subjects' documents."""
    texts = [text.lower() for s in subjects for text in s.texts]
    starts = np.cumsum([0, *(len(s.texts) for s in subjects)], dtype=np.int64)
    terms = len(features.keys)
    if not texts or not terms:
        return Occurrences(np.zeros((len(texts), terms)), starts)
    keys, bounds = term_keys(texts)
    at = positions(features.keys, keys)
    hit = at >= 0
    owners = np.repeat(np.arange(len(texts)), np.diff(bounds))[hit]
    counts = np.bincount(owners * terms + at[hit], minlength=len(texts) * terms)
    return Occurrences(counts.reshape(len(texts), terms).astype(np.float64), starts)


def lexical_shares(
    features: QueryFeatures, idf: Floats, occurrences: Occurrences, subjects: Sequence[Subject]
) -> list[NDArray[np.float64]]:
    """Return each document's part of each subject's lexical cosine.

    A term's part of the cosine is divided among the documents by how often they use it.
    """
    owners = np.repeat(np.arange(len(subjects)), np.diff(occurrences.starts))
    chooser = csr_array(
        (np.ones(len(owners)), (owners, np.arange(len(owners)))),
        shape=(len(subjects), len(owners)),
    )
    totals = np.maximum(1, chooser @ occurrences.frequencies)
    norms = np.array([subject.norm or 1.0 for subject in subjects])
    weights = (1 + np.log(totals)) / totals * (idf * features.weights) / norms[:, None]
    shares = (occurrences.frequencies * weights[owners]).sum(axis=1)
    return np.split(shares, occurrences.starts[1:-1])


def passage_shares(
    passages: PassageScores, subject: Subject
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each document's part of the passage score, and its best cosine or 0 if negative."""
    first, last = np.searchsorted(passages.owners, [subject.place, subject.place + 1])
    shares, best = np.zeros(len(subject.documents)), np.zeros(len(subject.documents))
    documents = (passages.documents[first:last] - subject.documents.start).tolist()
    parts, found = passages.parts[first:last].tolist(), passages.cosines[first:last].tolist()
    for document, part, cosine in zip(documents, parts, found, strict=True):
        shares[document] += part
        best[document] = max(best[document], cosine)
    return shares, best


def uncovered(
    keywords: Mapping[str, NDArray[np.float64]], frequencies: NDArray[np.float64]
) -> tuple[str, ...]:
    """Return the keywords of which no document holds half, measured by idf of their terms."""
    present = frequencies > 0
    return tuple(
        keyword
        for keyword, shares in keywords.items()
        if (present @ shares).max(initial=0.0) < COVERED_SHARE
    )


def keyword_shares(
    keywords: Sequence[str], features: QueryFeatures, idf: Floats
) -> dict[str, NDArray[np.float64]]:
    """Return, for each keyword, the share of its idf that each query term holds."""
    shares = {}
    for keyword in keywords:
        own = np.where(np.isin(features.keys, phrase_keys(keyword)), idf, 0).astype(np.float64)
        if own.any():
            shares[keyword] = own / own.sum()
    return shares
