"""MatchIndex: what a match reads. Immutable; a change makes a new index that shares the old parts.

An index is a list of segments and, for each, who of it is still alive. New candidates come in
small segments; segments are merged so that each is at least twice as large as the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matching import storage
from matching.arrays import Floats, Rowset
from matching.columns import flatten, string, unflatten
from matching.embeddings import Encoder, encoded_queries, text_key
from matching.fitting import centring_queries, fit_model
from matching.model import IndexModel, VectorsByKey
from matching.passages import texts_to_encode
from matching.segments import Mask, Segment, build_segment, join_segments
from matching.types import Candidate, Query

BACKGROUND = 512
ALWAYS_MERGED = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchIndex:
    """Candidates of one pool under the frozen statistics of `model`.

    Rows count through all segments; those of removed candidates stay until `compacted`.
    """

    model: IndexModel
    segments: tuple[Segment, ...] = ()
    alive_by_segment: tuple[Mask, ...] = field(default=())

    @classmethod
    def build(
        cls,
        model: IndexModel,
        candidates: Iterable[Candidate],
        vectors: VectorsByKey | None = None,
    ) -> MatchIndex:
        """Index candidates; `vectors` holds what is known of their texts by `text_key`.

        ValueError when two candidates have the same id.
        """
        return cls(model=model).updated(candidates, vectors=vectors)

    @classmethod
    def fit(
        cls,
        candidates: Iterable[Candidate],
        encoder: Encoder | None = None,
        queries: Sequence[Query] = (),
    ) -> MatchIndex:
        """Learn a model of the candidates, encode them if there is an encoder, and index them.

        `queries` are those of the pool's own kind; where they are few, statements stand in.
        """
        pool = list(candidates)
        if encoder is None:
            return cls.build(fit_model(pool, queries=queries), pool)
        asked = [t for query in centring_queries(queries, pool) for t in query.texts_to_encode]
        vectors = encode(pool, encoder)
        model = fit_model(
            pool,
            encoder_name=encoder.name,
            vectors=vectors,
            queries=queries,
            query_vectors=encoded_queries(encoder, asked),
        )
        return cls.build(model, pool, vectors)

    @property
    def version(self) -> str:
        """Version of the statistics; indexes of one version score alike."""
        return self.model.version

    @cached_property
    def alive(self) -> Mask:
        """Which rows are candidates of this index."""
        return np.concatenate([np.zeros(0, np.bool_), *self.alive_by_segment])

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Row at which each segment begins, and the number of rows at the end."""
        return np.cumsum([0, *map(len, self.segments)], dtype=np.int64)

    def segments_of(self, rows: Rowset) -> NDArray[np.int64]:
        """Return in which segment each row lies."""
        return np.searchsorted(self.starts, rows, side="right").astype(np.int64) - 1

    @cached_property
    def draws(self) -> NDArray[np.uint32]:
        """Fixed pseudo-random number of every row, by which equals are ordered."""
        parts = [segment.candidates.draws for segment in self.segments]
        return np.concatenate([np.zeros(0, np.uint32), *parts])

    @cached_property
    def hubness(self) -> Floats:
        """How near each row comes to whatever is asked; the mean where vectors are missing."""
        parts = [segment.candidates.hubness for segment in self.segments]
        waiting = [segment.candidates.is_pending for segment in self.segments]
        values = np.concatenate([np.zeros(0, np.float32), *parts])
        known = self.alive & ~np.concatenate([np.zeros(0, np.bool_), *waiting])
        usual = values[known].mean(dtype=np.float64) if known.any() else 0.0
        return np.where(known, values, usual).astype(np.float32)

    @cached_property
    def background(self) -> NDArray[np.int64]:
        """Rows of up to 512 candidates, drawn by id, that stand for the average of the pool."""
        rows = np.flatnonzero(self.alive)
        if len(rows) <= BACKGROUND:
            return rows
        return np.sort(rows[np.argpartition(self.draws[rows], BACKGROUND)[:BACKGROUND]])

    @cached_property
    def pending(self) -> frozenset[str]:
        """Ids of the candidates that still lack vectors."""
        return frozenset(
            string(segment.candidates.ids, int(row))
            for segment, alive in zip(self.segments, self.alive_by_segment, strict=True)
            for row in np.flatnonzero(alive & segment.candidates.is_pending)
        )

    def __len__(self) -> int:
        return int(self.alive.sum())

    def __contains__(self, candidate_id: str) -> bool:
        return self.row_of(candidate_id) is not None

    @staticmethod
    def texts_to_encode(candidate: Candidate) -> list[str]:
        """Return the distinct texts whose document vectors the candidate needs."""
        return texts_to_encode(candidate)

    def row_of(self, candidate_id: str) -> int | None:
        """Return where a candidate stands, None when it is not here."""
        for start, segment, alive in zip(
            self.starts.tolist(), self.segments, self.alive_by_segment, strict=False
        ):
            for row in segment.rows_of([candidate_id]):
                if alive[row]:
                    return int(start) + row
        return None

    def texts_of(self, candidate_id: str) -> list[str]:
        """Return the folded texts of a candidate's documents; KeyError when it is not here."""
        row = self.row_of(candidate_id)
        if row is None:
            raise KeyError(candidate_id)
        number = int(self.segments_of(np.array([row]))[0])
        documents = self.segments[number].candidates.documents
        rows = range(*documents.bounds(row - int(self.starts[number])))
        return [string(documents.values.texts, document) for document in rows]

    def updated(
        self,
        changed: Iterable[Candidate] = (),
        removed: Iterable[str] = (),
        vectors: VectorsByKey | None = None,
    ) -> MatchIndex:
        """Return an index with `changed` added or replaced and `removed` gone.

        Unknown ids among the removed are passed over; ValueError when an id changes twice.
        """
        news = list(changed)
        ids = {candidate.candidate_id for candidate in news}
        if len(ids) < len(news):
            raise ValueError(f"{len(news)} changed candidates have only {len(ids)} distinct ids")
        parts = self._without(ids.union(removed))
        if news:
            fresh = build_segment(self.model, news, {} if vectors is None else vectors)
            parts.append((fresh, np.ones(len(fresh), dtype=np.bool_)))
        return self._of(_merged(parts))

    def compacted(self) -> MatchIndex:
        """Return the same candidates as one segment without dead rows."""
        return self._of([_joined(self._without(()))] if self.segments else [])

    def save(self, path: Path, note: str = "") -> None:
        """Write the index, and a note beside it, to one file, atomically."""
        arrays = {f"model.{name}": array for name, array in self.model.to_arrays().items()}
        for number, (segment, alive) in enumerate(self._without(())):
            arrays[f"{number}.alive"] = alive
            arrays |= flatten(segment, f"{number}.segment")
        storage.write_arrays(path, arrays, note)

    @classmethod
    def load(cls, path: Path) -> MatchIndex:
        """Map an index that `save` wrote; ValueError when the file is damaged."""
        return cls.load_with_note(path)[0]

    @classmethod
    def load_with_note(cls, path: Path) -> tuple[MatchIndex, str]:
        """Map an index together with the note that it was saved with."""
        stored = storage.map_arrays(path)
        arrays, prefix = stored.arrays, "model."
        learned = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        masks = [name for name in arrays if name.endswith(".alive")]
        try:
            parts = [
                (unflatten(Segment, arrays, f"{number}.segment"), arrays[f"{number}.alive"])
                for number in range(len(masks))
            ]
        except KeyError as error:
            raise ValueError(f"{path.name} lacks {error}") from error
        return cls(model=IndexModel.from_arrays(learned))._of(parts), stored.note

    def _without(self, ids: Iterable[str]) -> list[tuple[Segment, Mask]]:
        gone = list(ids)
        masks = [alive.copy() if gone else alive for alive in self.alive_by_segment]
        for segment, mask in zip(self.segments, masks, strict=True):
            if gone:
                mask[segment.rows_of(gone)] = False
        return list(zip(self.segments, masks, strict=True))

    def _of(self, parts: Sequence[tuple[Segment, Mask]]) -> MatchIndex:
        return MatchIndex(
            model=self.model,
            segments=tuple(segment for segment, _ in parts),
            alive_by_segment=tuple(alive for _, alive in parts),
        )


def encode(candidates: Iterable[Candidate], encoder: Encoder) -> dict[str, NDArray[np.float32]]:
    """Return the document vectors of all texts that the candidates need, by `text_key`."""
    texts = {text_key(text): text for c in candidates for text in texts_to_encode(c)}
    return dict(zip(texts, encoder.encode_documents(list(texts.values())), strict=True))


def _merged(parts: list[tuple[Segment, Mask]]) -> list[tuple[Segment, Mask]]:
    """Merge from the end until every segment is at least twice as large as the next."""
    merged = [part for part in parts if part[1].any()]
    while len(merged) > 1:
        last, before = int(merged[-1][1].sum()), int(merged[-2][1].sum())
        if before >= max(2 * last, ALWAYS_MERGED):
            break
        merged[-2:] = [_joined(merged[-2:])]
    return merged


def _joined(parts: Sequence[tuple[Segment, Mask]]) -> tuple[Segment, Mask]:
    segment = join_segments(parts)
    return segment, np.ones(len(segment), dtype=np.bool_)
