from dataclasses import replace

import numpy as np
import pytest

from matching.embeddings import encoded_queries, text_key
from matching.fitting import centring_queries, fit_model, mean_direction
from matching.index import encode
from matching.model import IndexModel
from matching.text import term_keys
from matching.types import Query
from tests.matching.pools import CharacterEncoder, candidate, experts

ENCODER = CharacterEncoder()
TEXTS = ("耐火材料", "茶叶")


def encoded() -> IndexModel:
    return fit_model(
        experts(),
        encoder_name=ENCODER.name,
        vectors=encode(experts(), ENCODER),
        queries=[Query(title=text) for text in TEXTS],
        query_vectors=encoded_queries(ENCODER, TEXTS),
    )


@pytest.mark.parametrize("model", [fit_model(experts()), encoded()], ids=["latent", "encoded"])
def test_bytes_and_back(model: IndexModel) -> None:
    again = IndexModel.from_bytes(model.to_bytes())
    assert again.version == model.version
    assert np.array_equal(again.idf, model.idf)
    assert np.array_equal(again.query_mean, model.query_mean)


def test_the_same_pool_gives_the_same_version_and_another_pool_another() -> None:
    assert fit_model(experts()).version == fit_model(experts()).version
    assert fit_model(experts()[1:]).version != fit_model(experts()).version
    assert replace(encoded(), encoder="other").version != encoded().version


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_damaged_bytes_are_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="index model"):
        IndexModel.from_bytes(fit_model(experts()).to_bytes()[:cut])


def test_changed_numbers_are_refused() -> None:
    model = fit_model(experts())
    forged = replace(model, idf=model.idf * 2)
    object.__setattr__(forged, "version", model.version)
    with pytest.raises(ValueError, match="damaged"):
        IndexModel.from_bytes(forged.to_bytes())


def test_an_unseen_term_has_the_largest_idf() -> None:
    model = fit_model(experts())
    unseen = model.idf_of(term_keys(["雷达"])[0])
    assert unseen[0] > model.idf.max()


def test_query_vectors_are_centred_by_queries() -> None:
    model = encoded()
    vectors = [model.query_vector(v) for v in ENCODER.encode_queries(TEXTS)]
    assert np.allclose(vectors[0], -vectors[1], atol=0.3)
    with pytest.raises(ValueError, match=r"\(3,\)"):
        model.query_vector(np.ones(3, dtype=np.float32))


def test_long_queries_centre_as_far_as_an_encoder_reads() -> None:
    queries = [Query(title="耐" * 3_000, problem="火" * 9_000), Query(title="茶叶")]
    texts = [text for query in queries for text in query.texts_to_encode]
    vectors = encoded_queries(ENCODER, texts)
    model = fit_model(experts(), encoder_name=ENCODER.name, queries=queries, query_vectors=vectors)
    told = [vectors[text_key(query.texts_to_encode[0])] for query in queries]
    assert np.allclose(model.query_mean, mean_direction(np.array(told)))


def test_others_than_the_first_statements_may_centre() -> None:
    """Where those of the first may not go to the encoder."""
    last = centring_queries([], experts()[-1:])
    vectors = encoded_queries(ENCODER, last[0].texts_to_encode)
    model = fit_model(experts(), encoder_name=ENCODER.name, centring=last, query_vectors=vectors)
    assert np.any(model.query_mean)


def test_vectors_must_fit() -> None:
    with pytest.raises(ValueError, match="at least 1 query vector"):
        fit_model(experts(), encoder_name="x")
    wrong = {key: np.ones(3, dtype=np.float32) for key in encode(experts(), ENCODER)}
    with pytest.raises(ValueError, match=r"\(3,\)"):
        fit_model(
            experts(),
            encoder_name=ENCODER.name,
            vectors=wrong,
            queries=[Query(title=TEXTS[0])],
            query_vectors=encoded_queries(ENCODER, TEXTS),
        )


@pytest.mark.parametrize("pool", [[], [candidate("one", "耐火")], [candidate("none")]])
def test_the_smallest_pools_have_a_model(pool: list[object]) -> None:
    assert fit_model(pool).documents == len(pool)  # type: ignore[arg-type]
