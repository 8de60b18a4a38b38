"""The statistics of one index version: learned once, frozen, identical in all processes.

Everything that could drift while a pool grows (idf, the latent basis, the means of the dense
spaces) is frozen here; terms that come later count as if no document had them yet.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats, Keys, positions
from matching.columns import flatten, unflatten
from matching.embeddings import Vectors, centred, text_key
from matching.features import Rows, count_terms, smooth_idf, weigh
from matching.kernels import project_rows

LATENT = "lsa"
PROBES = "probes"

VectorsByKey = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probes:
    """A sample of queries, by which `hubness` is measured.

    `weights` (terms, queries) are the unit weights of `terms`, which ascend; `vectors` and
    `focuses` (queries, d) what topics and passages are compared with.
    """

    terms: Keys
    weights: Floats
    vectors: Vectors
    focuses: Vectors


@dataclass(frozen=True, kw_only=True, eq=False)
class IndexModel:
    """What every weight and every vector of an index depends on.

    `encoder` names the dense space: an encoder's name or "lsa". `keys` are the known terms,
    ascending, with their `idf`; `asked_keys` those that several queries share, with their
    `asked_damping` (see `features.damping`). `statement_mean`, `passage_mean`, `query_mean` and
    `title_mean` (d,) centre the dense space. `basis_keys` and `basis` (terms, d) project into the
    latent space, if that is it. `probes` are None where hubs are not corrected.
    """

    FORMAT: ClassVar[int] = 4  # of what is serialised, and of the terms it counts

    encoder: str
    documents: int
    keys: Keys
    idf: Floats
    asked_keys: Keys
    asked_damping: Floats
    basis_keys: Keys = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    basis: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    statement_mean: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    passage_mean: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    query_mean: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    title_mean: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    probes: Probes | None = None

    @property
    def dimensions(self) -> int:
        """Length of a dense vector."""
        return len(self.query_mean)

    @property
    def is_latent(self) -> bool:
        """Whether the dense space is the latent one, whose vectors need no encoder."""
        return self.encoder == LATENT

    @cached_property
    def version(self) -> str:
        """Sixteen hexadecimal digits derived from the content."""
        digest = blake2b(json.dumps(self._header(), sort_keys=True).encode(), digest_size=8)
        for name, array in sorted(self._arrays().items()):
            digest.update(f"{name}{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def idf_of(self, keys: Keys) -> Floats:
        """Return the idf of each term; an unknown one gets the largest that any can have."""
        unseen = smooth_idf(np.zeros(1, dtype=np.int64), self.documents)[0]
        at = positions(self.keys, keys)
        known = self.idf[at] if len(self.idf) else np.zeros(len(keys), dtype=np.float32)
        return np.where(at >= 0, known, unseen).astype(np.float32)

    def weigh(self, texts: Sequence[str]) -> tuple[Rows, Floats]:
        """Return unit TF-IDF rows of normalised `texts` and the norms they had."""
        counts = count_terms(texts)
        return weigh(counts, self.idf_of(counts.terms))

    def asked_idf_of(self, keys: Keys) -> Floats:
        """Return the idf of each term of a query, damped by what all queries say."""
        at = positions(self.asked_keys, keys)
        known = self.asked_damping[at] if len(self.asked_damping) else np.float32(1)
        damped = np.where(at >= 0, known, np.float32(1)).astype(np.float32)
        return self.idf_of(keys) * damped

    def weigh_queries(self, texts: Sequence[str]) -> tuple[Rows, Floats]:
        """Return unit TF-IDF rows of normalised queries and the norms they had."""
        counts = count_terms(texts)
        return weigh(counts, self.asked_idf_of(counts.terms))

    def project(self, rows: Rows) -> Floats:
        """Return the (n, d) latent vectors of TF-IDF rows, not centred."""
        at = positions(self.basis_keys, rows.terms)[rows.positions]
        return project_rows(at, rows.values, rows.offsets, self.basis)

    def query_vector(self, raw: Floats) -> Floats:
        """Centre the (d,) vector of a query's text; ValueError when its length is another."""
        return self._centred_query(raw, self.query_mean)

    def title_vector(self, raw: Floats) -> Floats:
        """Centre the (d,) vector of a query's title; ValueError when its length is another."""
        return self._centred_query(raw, self.title_mean)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays, the plain values as one array of JSON."""
        described = {**self._header(), "version": self.version, "format": self.FORMAT}
        header = np.frombuffer(json.dumps(described).encode(), dtype=np.uint8)
        return {"header": header, **self._arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> IndexModel:
        """Take over what `to_arrays` gave, uncopied; ValueError when it is damaged or foreign."""
        learned: dict[str, Any] = {n: array for n, array in arrays.items() if n != "header"}
        try:
            header = json.loads(arrays["header"].tobytes())
            version, written = header.pop("version"), header.pop("format")
            has_probes = any(name.startswith(PROBES) for name in learned)
            probes = unflatten(Probes, learned, PROBES) if has_probes else None
            own = {name: learned[name] for name in learned if not name.startswith(PROBES)}
            model = cls(**header, **own, probes=probes)
        except (KeyError, TypeError) as error:
            raise ValueError("the arrays are not an index model") from error
        if written != cls.FORMAT or model.version != version:
            raise ValueError(f"index model {version} of format {written} is damaged or foreign")
        return model

    def to_bytes(self) -> bytes:
        """Serialise as an npz archive; nothing in it is ever executed."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self.to_arrays())
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> IndexModel:
        """Read what `to_bytes` wrote; ValueError when it is damaged or of another format."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (EOFError, OSError, zipfile.BadZipFile) as error:
            raise ValueError("the bytes are not an index model") from error
        return cls.from_arrays(arrays)

    @staticmethod
    def _centred_query(raw: Floats, mean: Floats) -> Floats:
        if raw.shape != mean.shape:
            raise ValueError(f"query vector has shape {raw.shape}, index {mean.shape}")
        return centred(raw, mean)

    def _header(self) -> dict[str, str | int]:
        return {"encoder": self.encoder, "documents": self.documents}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "keys": self.keys,
            "idf": self.idf,
            "asked_keys": self.asked_keys,
            "asked_damping": self.asked_damping,
            "basis_keys": self.basis_keys,
            "basis": self.basis,
            "statement_mean": self.statement_mean,
            "passage_mean": self.passage_mean,
            "query_mean": self.query_mean,
            "title_mean": self.title_mean,
            **({} if self.probes is None else dict(flatten(self.probes, PROBES))),
        }


def known_vectors(texts: Sequence[str], vectors: VectorsByKey, dimensions: int) -> Floats:
    """Return (n, d) vectors, rows of zeros where one is missing; ValueError on other lengths."""
    found = np.zeros((len(texts), dimensions), dtype=np.float32)
    for row, text in enumerate(texts):
        vector = vectors.get(text_key(text)) if text else None
        if vector is not None and vector.shape != (dimensions,):
            raise ValueError(f"a vector has shape {vector.shape}, the model ({dimensions},)")
        if vector is not None:
            found[row] = vector
    return found
