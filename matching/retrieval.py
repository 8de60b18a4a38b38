"""Query × index → every candidate's lexical and dense cosines, and who deserves a closer look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.arrays import Floats, Keys, Rowset
from matching.embeddings import Encoder, encoded_queries, text_key, unit
from matching.index import MatchIndex
from matching.kernels import kth_largest
from matching.model import IndexModel, VectorsByKey
from matching.postings import cosines
from matching.segments import Mask
from matching.text import normalise
from matching.types import Query


@dataclass(frozen=True, slots=True, eq=False)
class QueryFeatures:
    """A query in both spaces: unit TF-IDF weights by ascending key, centred vectors or None.

    Topics are compared with `vector`, that of the whole text; passages, which are short, with
    `focus`, in which the title has as much weight as the whole.
    """

    keys: Keys
    weights: Floats
    vector: Floats | None = None
    focus: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PoolScores:
    """Cosines of all rows of an index; `topic` is only meaningful where `has_topic`."""

    lexical: Floats
    topic: Floats
    has_topic: Mask


def read_query(
    query: Query,
    model: IndexModel,
    query_vectors: VectorsByKey | None = None,
    encoder: Encoder | None = None,
) -> QueryFeatures:
    """Place a query in the spaces of `model`.

    The title counts twice in the lexical space, too. Without its vectors, an encoder or a latent
    space the query has none. ValueError when the encoder is not the model's.
    """
    rows = model.weigh_queries([normalise(f"{query.title}\n{query.text}")])
    whole, title = _raw_vectors(query, model, query_vectors, encoder)
    if whole is None:
        return QueryFeatures(rows.keys, rows.values)
    vector = model.query_vector(whole)
    focus = vector if title is None else unit(vector + model.title_vector(title))
    return QueryFeatures(rows.keys, rows.values, vector, focus)


def _raw_vectors(
    query: Query,
    model: IndexModel,
    query_vectors: VectorsByKey | None,
    encoder: Encoder | None,
) -> tuple[Floats | None, Floats | None]:
    """The vectors of the whole query and of its title, as far as they can be had."""
    if model.is_latent:
        whole, title = model.project(
            model.weigh_queries([normalise(query.text), normalise(query.title)])
        )
        return whole, title
    texts = query.texts_to_encode
    if query_vectors is None and encoder is not None:
        if encoder.name != model.encoder:
            raise ValueError(f"the index was made with {model.encoder}, not {encoder.name}")
        query_vectors = encoded_queries(encoder, texts)
    found = {} if query_vectors is None else query_vectors
    return found.get(text_key(texts[0])), found.get(text_key(texts[1]))


def score_pool(features: QueryFeatures, index: MatchIndex) -> PoolScores:
    """Return the cosines of the query with every candidate's terms and topic."""
    lexical, topics, known = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)], [index.alive[:0]]
    for segment in index.segments:
        vectors = segment.candidates.topics
        lexical.append(cosines(segment.postings, features.keys, features.weights, len(segment)))
        if features.vector is None:
            topics.append(np.zeros(len(segment), dtype=np.float32))
            known.append(np.zeros(len(segment), dtype=np.bool_))
        else:
            topics.append(vectors.dot(features.vector))
            known.append(vectors.scales > 0)
    return PoolScores(np.concatenate(lexical), np.concatenate(topics), np.concatenate(known))


def top_rows(scores: Floats, allowed: Mask, draws: NDArray[np.uint32], size: int) -> Rowset:
    """Return the `size` allowed rows with the highest scores, equals by draw, in order of rows."""
    count = np.count_nonzero(allowed)
    if count <= size:
        return np.flatnonzero(allowed)
    values = scores if count == len(scores) else np.where(allowed, scores, -np.float32(np.inf))
    threshold = kth_largest(values, size)
    best = np.flatnonzero(values >= threshold)
    if len(best) == size:
        return best
    above, equal = best[values[best] > threshold], best[values[best] == threshold]
    filling = equal[np.lexsort((equal, draws[equal]))][: size - len(above)]
    return np.sort(np.concatenate([above, filling]))
