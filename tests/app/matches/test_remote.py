"""An endpoint that is away for a moment is asked again, within the time that there is."""

from collections.abc import Iterator
from itertools import pairwise
from time import monotonic

import numpy as np
import pytest
from numpy.typing import NDArray

from app.matches.index import encoders
from app.matches.index.encoders import EncoderUnavailable, RemoteEncoder
from app.matches.index.remote import Endpoint
from tests.app.matches import embeddings_server
from tests.app.matches.embeddings_server import EmbeddingsServer, embed

SECONDS = 4.0
SLACK = 5.0  # the machine may be busy


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    with embeddings_server.running() as server:
        yield server


def encoder(server: EmbeddingsServer, *, key: str = "key", batch_size: int = 32) -> RemoteEncoder:
    url = f"{server.url}/embeddings"
    endpoint = Endpoint(service="encoder", url=url, api_key=key, seconds=SECONDS)
    return RemoteEncoder(endpoint=endpoint, model="bigrams", batch_size=batch_size)


def _vectors(texts: list[str]) -> NDArray[np.float32]:
    return np.asarray([embed(text) for text in texts], dtype=np.float32)


def waits(server: EmbeddingsServer) -> list[float]:
    """The seconds between its requests."""
    times = [at for at, _ in server.requests]
    return [after - before for before, after in pairwise(times)]


def test_many_texts_go_in_batches_and_come_back_in_their_order(server: EmbeddingsServer) -> None:
    texts = [f"锦纶{number}染色" for number in range(25)]
    made = encoder(server, batch_size=10).encode_documents(texts)
    assert [count for _, count in server.requests] == [10, 10, 5]
    np.testing.assert_array_equal(made, _vectors(texts))


@pytest.mark.parametrize("fault", ["error", "busy", "busy until", "cut", "half"])
def test_what_passes_is_waited_for(server: EmbeddingsServer, fault: str) -> None:
    server.passing = [fault]
    made = encoder(server).encode_queries(["锦纶染色"])
    np.testing.assert_array_equal(made, _vectors(["锦纶染色"]))
    least = {"busy": 1.0, "busy until": 1.0}.get(fault, 0.5)  # a date has whole seconds
    assert len(server.requests) == 2
    assert waits(server)[0] >= least


def test_it_is_left_in_peace_longer_each_time(server: EmbeddingsServer) -> None:
    server.passing = ["error"] * 2
    encoder(server).encode_queries(["锦纶"])
    first, second = waits(server)
    assert first >= 0.5
    assert second >= 1.0


def test_a_query_gives_up_after_three_attempts(server: EmbeddingsServer) -> None:
    server.fault = "error"
    with pytest.raises(EncoderUnavailable, match="500"):
        encoder(server).encode_queries(["锦纶"])
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", ["refused", "no data", "html", "too few", "busy for long"])
def test_what_will_not_pass_in_time_is_not_asked_again(
    server: EmbeddingsServer, fault: str
) -> None:
    server.fault = fault
    with pytest.raises(EncoderUnavailable):
        encoder(server).encode_documents(["锦纶", "染色"])
    assert len(server.requests) == 1


def test_a_hang_is_left_after_one_term_and_not_asked_again(server: EmbeddingsServer) -> None:
    server.fault = "hang"
    began = monotonic()
    with pytest.raises(EncoderUnavailable, match="Timeout"):
        encoder(server).encode_documents(["锦纶"])
    assert monotonic() - began < SECONDS + SLACK
    assert len(server.requests) == 1


def test_documents_have_more_terms_and_no_more_than_those(
    server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.passing = ["error"] * 3
    encoder(server).encode_documents(["锦纶"])
    assert len(server.requests) == 4
    monkeypatch.setattr(encoders, "DOCUMENT_TERMS", 0.3)
    server.fault = "error"
    began = monotonic()
    with pytest.raises(EncoderUnavailable):
        encoder(server).encode_documents(["锦纶"])
    assert monotonic() - began < 0.3 * SECONDS + SLACK
    assert len(server.requests) == 6
