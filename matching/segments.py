"""One immutable part of an index: everything about some candidates, as arrays.

A large segment comes mapped from disk, small recent ones are built in memory; a candidate that
changes is added to a new segment and marked dead in the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats
from matching.columns import (
    Ragged,
    Strings,
    concatenate,
    flatten,
    offsets_of,
    runs_of,
    string,
    strings,
)
from matching.embeddings import Vectors
from matching.hubness import hubness
from matching.model import IndexModel, VectorsByKey
from matching.passages import Reading, read
from matching.postings import Postings, invert, join
from matching.spaces import Space, embed
from matching.types import Candidate, Facts, Grade

GRADES = tuple(Grade)
UNSAID = -1  # of a capacity
NEVER = 0  # of a day
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """One row a document; `texts` are folded, `passages` centred vectors."""

    ids: Strings
    kinds: Strings
    texts: Strings
    grades: NDArray[np.int8]
    passages: Ragged[Vectors]


@dataclass(frozen=True, slots=True, eq=False)
class FactTable:
    """One row a candidate; organizations as keys, days as ordinals, absences as pairs of them."""

    kinds: Strings
    kind_keys: NDArray[np.uint64]
    regions: NDArray[np.int32]
    capacities: NDArray[np.int32]
    reduced_capacities: NDArray[np.int32]
    reduced_until: NDArray[np.int32]
    do_not_contact_until: NDArray[np.int32]
    organizations: Ragged[NDArray[np.uint64]]
    absences: Ragged[NDArray[np.int32]]
    invitations: Ragged[NDArray[np.int32]]
    refusals: Ragged[NDArray[np.int32]]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """One row a candidate; `draws` are fixed pseudo-random numbers that order equals.

    `keys` are the ids' stable 64-bit keys, by which a candidate is found.
    """

    ids: Strings
    keys: NDArray[np.uint64]
    draws: NDArray[np.uint32]
    norms: Floats
    hubness: Floats
    topics: Vectors
    is_pending: Mask
    facts: FactTable
    documents: Ragged[Documents]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Candidates, the postings of their terms, and their rows by ascending key of the id."""

    candidates: Candidates
    postings: Postings
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.candidates.draws)

    def rows_of(self, candidate_ids: Sequence[str]) -> list[int]:
        """Return where those of the candidates stand that are here."""
        keys, ids = self.candidates.keys, self.candidates.ids
        wanted = np.array([name_key(name) for name in candidate_ids], dtype=np.uint64)
        starts = np.searchsorted(keys, wanted, side="left", sorter=self.order)
        stops = np.searchsorted(keys, wanted, side="right", sorter=self.order)
        return [
            int(row)
            for name, start, stop in zip(candidate_ids, starts, stops, strict=True)
            for row in self.order[start:stop]
            if string(ids, int(row)) == name  # two ids may have one key
        ]


def build_segment(
    model: IndexModel, candidates: Sequence[Candidate], vectors: VectorsByKey
) -> Segment:
    """Build a segment under the frozen statistics of `model`."""
    readings = [read(candidate) for candidate in candidates]
    rows, norms = model.weigh([reading.text for reading in readings])
    space = embed(model, readings, rows, vectors)
    bounds = offsets_of([sum(map(len, reading.passages)) for reading in readings])
    hubs = hubness(model, rows, space, bounds)
    return _segment(_candidates(candidates, readings, norms, hubs, space), invert(rows))


def join_segments(parts: Sequence[tuple[Segment, Mask]]) -> Segment:
    """Make one segment of the candidates that each mask keeps, in their order."""
    candidates = concatenate([(segment.candidates, runs_of(alive)) for segment, alive in parts])
    postings = join([(segment.postings, alive) for segment, alive in parts])
    return _segment(candidates, postings)


def name_key(name: str) -> int:
    """Stable 64-bit key of a candidate, a kind or an organization."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _segment(candidates: Candidates, postings: Postings) -> Segment:
    """Make the arrays read-only, which also keeps the compiled loops to one kind of argument."""
    segment = Segment(candidates, postings, np.argsort(candidates.keys, kind="stable"))
    for _, array in flatten(segment):
        array.setflags(write=False)
    return segment


def _candidates(
    candidates: Sequence[Candidate],
    readings: Sequence[Reading],
    norms: Floats,
    hubs: Floats,
    space: Space,
) -> Candidates:
    ids = [candidate.candidate_id for candidate in candidates]
    owned = offsets_of([len(candidate.documents) for candidate in candidates])
    return Candidates(
        ids=strings(ids),
        keys=np.array([name_key(name) for name in ids], dtype=np.uint64),
        draws=np.array([crc32(name.encode()) for name in ids], dtype=np.uint32),
        norms=norms,
        hubness=hubs,
        topics=space.topics,
        is_pending=space.is_pending,
        facts=fact_table([candidate.facts for candidate in candidates]),
        documents=Ragged(owned, _documents(candidates, readings, space.passages)),
    )


def _documents(
    candidates: Sequence[Candidate], readings: Sequence[Reading], passages: Vectors
) -> Documents:
    flat = [document for candidate in candidates for document in candidate.documents]
    counts = offsets_of([len(texts) for reading in readings for texts in reading.passages])
    return Documents(
        ids=strings([document.document_id for document in flat]),
        kinds=strings([document.kind for document in flat]),
        texts=strings([text for reading in readings for text in reading.documents]),
        grades=np.array([GRADES.index(document.grade) for document in flat], dtype=np.int8),
        passages=Ragged(counts, passages),
    )


def fact_table(facts: Sequence[Facts]) -> FactTable:
    """Return the facts as columns, in their order."""
    organizations = [sorted(map(name_key, fact.organizations)) for fact in facts]
    absences = [[day.toordinal() for span in fact.absences for day in span] for fact in facts]
    reduced = [fact.reduced or (UNSAID, None) for fact in facts]
    return FactTable(
        kinds=strings([fact.kind for fact in facts]),
        kind_keys=np.array([name_key(fact.kind) for fact in facts], dtype=np.uint64),
        regions=np.array([int(fact.region or 0) for fact in facts], dtype=np.int32),
        capacities=np.array(
            [UNSAID if fact.capacity is None else fact.capacity for fact in facts], dtype=np.int32
        ),
        reduced_capacities=np.array([capacity for capacity, _ in reduced], dtype=np.int32),
        reduced_until=_ordinals([until for _, until in reduced]),
        do_not_contact_until=_ordinals([fact.do_not_contact_until for fact in facts]),
        organizations=Ragged(
            offsets_of([len(keys) for keys in organizations]),
            np.array([key for keys in organizations for key in keys], dtype=np.uint64),
        ),
        absences=Ragged(
            offsets_of([len(days) // 2 for days in absences]),
            np.array([d for days in absences for d in days], dtype=np.int32).reshape(-1, 2),
        ),
        invitations=_days([fact.invited_on for fact in facts]),
        refusals=_days([fact.refused_on for fact in facts]),
    )


def _ordinals(days: Sequence[date | None]) -> NDArray[np.int32]:
    return np.array([NEVER if day is None else day.toordinal() for day in days], dtype=np.int32)


def _days(rows: Sequence[Sequence[date]]) -> Ragged[NDArray[np.int32]]:
    return Ragged(offsets_of([len(days) for days in rows]), _ordinals([d for r in rows for d in r]))
