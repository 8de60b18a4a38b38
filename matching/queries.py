"""A query in the spaces of a model: the weights of its terms, its centred vectors."""

from __future__ import annotations

from dataclasses import dataclass

from matching.arrays import Floats, Keys
from matching.embeddings import Encoder, encoded_queries, text_key, unit
from matching.emphasis import weigh_terms
from matching.model import IndexModel, VectorsByKey
from matching.text import normalise
from matching.types import Query


@dataclass(frozen=True, slots=True, eq=False)
class QueryFeatures:
    """A query in both spaces: TF-IDF weights by ascending key, centred vectors or None.

    The weights are a unit unless concepts weigh single terms.

    Topics are compared with `vector`, that of the whole text; passages, which are short, with
    `focus`, in which the title has as much weight as the whole.
    """

    keys: Keys
    weights: Floats
    vector: Floats | None = None
    focus: Floats | None = None


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
    keys, weights = weigh_terms(normalise(f"{query.title}\n{query.text}"), query.concepts, model)
    whole, title = _raw_vectors(query, model, query_vectors, encoder)
    if whole is None:
        return QueryFeatures(keys, weights)
    vector = model.query_vector(whole)
    focus = vector if title is None else unit(vector + model.title_vector(title))
    return QueryFeatures(keys, weights, vector, focus)


def _raw_vectors(
    query: Query,
    model: IndexModel,
    query_vectors: VectorsByKey | None,
    encoder: Encoder | None,
) -> tuple[Floats | None, Floats | None]:
    """The vectors of the whole query and of its title, as far as they can be had."""
    if model.is_latent:
        rows, _ = model.weigh_queries([normalise(query.text), normalise(query.title)])
        whole, title = model.project(rows)
        return whole, title
    texts = query.texts_to_encode
    if query_vectors is None and encoder is not None:
        if encoder.name != model.encoder:
            raise ValueError(f"the index was made with {model.encoder}, not {encoder.name}")
        query_vectors = encoded_queries(encoder, texts)
    found = {} if query_vectors is None else query_vectors
    return found.get(text_key(texts[0])), found.get(text_key(texts[1]))
