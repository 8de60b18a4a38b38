"""Learn an index model from a pool: idf, the means of the dense space, the latent basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matching.arrays import Floats, Keys, positions
from matching.embeddings import text_key, unit
from matching.features import Rows, count_terms, damping, smooth_idf, weigh
from matching.hubness import probes_of
from matching.model import LATENT, IndexModel, VectorsByKey, known_vectors
from matching.passages import Reading, read
from matching.text import normalise
from matching.types import Candidate, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What the queries of a pool are used for; each step can be left out to see what it brings.

    `centring` of dense spaces by the means of their kinds, `damping` of what many queries say, and
    the correction of `hubs`, which is wrong for a pool that is asked by others than the queries.
    """

    centring: bool = True
    damping: bool = True
    hubs: bool = True


ALL_STEPS = Steps()
MEANS = ("statement_mean", "passage_mean", "query_mean", "title_mean")
LATENT_DIMENSIONS = 300
LATENT_TERMS = 50_000
LATENT_SAMPLE = 10_000
MEAN_SAMPLE = 5_000
FEW_QUERIES = 50


def fit_model(
    candidates: Sequence[Candidate],
    *,
    encoder_name: str | None = None,
    vectors: VectorsByKey | None = None,
    queries: Sequence[Query] = (),
    centring: Sequence[Query] | None = None,
    query_vectors: VectorsByKey | None = None,
    secret: bytes = b"",
    steps: Steps = ALL_STEPS,
) -> IndexModel:
    """Learn the statistics of a pool and of the queries that it is for.

    What many of `queries` say is damped, in steps that only who knows `secret` (up to 64 bytes) can
    tell. The means of `centring`, by default of `centring_queries`, centre the dense space. With an
    encoder, `vectors` holds by `text_key` what is known of the candidates' `texts_to_encode`, and
    `query_vectors` the same of `centring`. Without one, a latent space is learned from the
    candidates. ValueError when the vectors do not fit.
    """
    readings = [read(candidate) for candidate in candidates]
    counts = count_terms([reading.text for reading in readings])
    frequencies = np.bincount(counts.positions, minlength=len(counts.terms))
    telling = queries if steps.damping else ()
    asked_keys, asked_damping = _damped([normalise(query.text) for query in telling], secret)
    model = IndexModel(
        encoder=LATENT if encoder_name is None else encoder_name,
        documents=len(candidates),
        keys=counts.terms,
        idf=smooth_idf(frequencies, len(candidates)),
        asked_keys=asked_keys,
        asked_damping=asked_damping,
    )
    if centring is None:
        centring = centring_queries(queries, candidates)
    asked = {} if query_vectors is None else query_vectors
    if encoder_name is None:
        weighed, _ = weigh(counts, model.idf)
        model = _with_latent_space(model, weighed, frequencies, readings, centring)
    else:
        known = {} if vectors is None else vectors
        model = _with_encoded_space(model, readings, known, centring, asked)
    if not steps.centring:
        model = replace(model, **{name: np.zeros_like(getattr(model, name)) for name in MEANS})
    return replace(model, probes=probes_of(queries, model, asked) if steps.hubs else None)


def centring_queries(queries: Sequence[Query], candidates: Sequence[Candidate]) -> list[Query]:
    """Return the queries whose means centre a dense space.

    Below 50, statements of the pool stand in, read as queries: the mean of a few would be the
    queries themselves, of which nothing was left.
    """
    few = candidates[: max(0, FEW_QUERIES - len(queries))]
    statements = [read(candidate).statement for candidate in few]
    return [*queries, *(Query(title=statement) for statement in statements if statement)]


def _dimensions(texts: Sequence[str], vectors: VectorsByKey) -> int:
    known = (vectors.get(text_key(text)) for text in texts)
    first = next((vector for vector in known if vector is not None), None)
    if first is None:
        raise ValueError("an encoder's space needs at least 1 query vector to centre, got 0")
    return len(first)


def _with_encoded_space(
    model: IndexModel,
    readings: Sequence[Reading],
    vectors: VectorsByKey,
    centring: Sequence[Query],
    asked: VectorsByKey,
) -> IndexModel:
    sample = readings[:: 1 + len(readings) // MEAN_SAMPLE]
    statements = [reading.statement for reading in sample]
    passages = [text for reading in sample for text in chain.from_iterable(reading.passages)]
    texts = [query.texts_to_encode[0] for query in centring]
    titles = [query.texts_to_encode[1] for query in centring]
    dimensions = _dimensions(texts, asked)
    return replace(
        model,
        basis=np.zeros((0, dimensions), dtype=np.float32),
        statement_mean=mean_direction(known_vectors(statements, vectors, dimensions)),
        passage_mean=mean_direction(known_vectors(passages, vectors, dimensions)),
        query_mean=mean_direction(known_vectors(texts, asked, dimensions)),
        title_mean=mean_direction(known_vectors(titles, asked, dimensions)),
    )


def _with_latent_space(
    model: IndexModel,
    weighed: Rows,
    frequencies: NDArray[np.int64],
    readings: Sequence[Reading],
    centring: Sequence[Query],
) -> IndexModel:
    """`weighed` are the candidates' rows under the model."""
    basis_keys, basis = _latent_basis(model, weighed, frequencies)
    model = replace(model, basis_keys=basis_keys, basis=basis)
    sample = readings[:: 1 + len(readings) // MEAN_SAMPLE]
    passages = [text.lower() for r in sample for text in chain.from_iterable(r.passages)]
    return replace(
        model,
        statement_mean=mean_direction(model.project(weighed)),
        passage_mean=mean_direction(model.project(model.weigh(passages)[0])),
        query_mean=_latent_mean(model, [query.text for query in centring]),
        title_mean=_latent_mean(model, [query.title for query in centring]),
    )


def _latent_mean(model: IndexModel, texts: Sequence[str]) -> Floats:
    rows, _ = model.weigh_queries([normalise(text) for text in texts])
    return mean_direction(model.project(rows))


def _damped(queries: Sequence[str], secret: bytes) -> tuple[Keys, Floats]:
    """Return the terms that many normalised queries hold, and how telling they are."""
    counts = count_terms(queries)
    frequencies = np.bincount(counts.positions, minlength=len(counts.terms))
    shared = frequencies > 1
    terms = counts.terms[shared]
    offsets = np.array([_offset(term, secret) for term in terms.tolist()], dtype=np.float64)
    telling = damping(frequencies[shared], len(queries), offsets)
    return terms[telling < 1], telling[telling < 1]


def _offset(term: int, secret: bytes) -> float:
    """A number from 0 to below 1, the same for this term as long as the secret is."""
    digest = blake2b(term.to_bytes(8, "little"), key=secret, digest_size=6).digest()
    return int.from_bytes(digest, "little") / 2**48


def _latent_basis(
    model: IndexModel, rows: Rows, frequencies: NDArray[np.int64]
) -> tuple[Keys, Floats]:
    """Truncated SVD of a sample of rows over the most frequent terms (Deerwester et al. 1990)."""
    order = np.lexsort((model.keys, -frequencies))[:LATENT_TERMS]
    keys = np.sort(model.keys[order])
    columns = positions(keys, model.keys)
    columns[columns < 0] = len(keys)  # one column for all the others, cut off again
    whole = csr_array(
        (rows.values, columns[rows.positions], rows.offsets),
        shape=(model.documents, len(keys) + 1),
    )
    matrix = whole[:: 1 + model.documents // LATENT_SAMPLE, : len(keys)]
    rank = min(LATENT_DIMENSIONS, matrix.shape[0] - 1, len(keys) - 1)
    if rank < 1:
        return keys, np.zeros((len(keys), 1), dtype=np.float32)
    # Imported here: it takes a second, and a start that finds a saved index needs none of it.
    from sklearn.decomposition import TruncatedSVD

    with np.errstate(invalid="ignore"):  # explained variance of candidates that are all alike
        svd = TruncatedSVD(rank, random_state=0, n_iter=5).fit(matrix)
    return keys, np.ascontiguousarray(svd.components_.T, dtype=np.float32)


def mean_direction(vectors: Floats) -> Floats:
    """Return the (d,) mean of the unit vectors, without rows of zeros."""
    known = vectors[np.any(vectors != 0, axis=1)]
    if not len(known):
        return np.zeros(vectors.shape[1], dtype=np.float32)
    return np.asarray(unit(known).mean(axis=0), dtype=np.float32)
