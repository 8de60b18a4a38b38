"""The encoder's endpoint fails in every way: matches go on by their words, and say so."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import database_url
from tests.acceptance.processes import until
from tests.app.matches import embeddings_server
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.faults.conftest import Tally
from tests.faults.house import PATIENCE, House, open_house

__all__ = ["database_url"]

TIMEOUT_SECONDS = 2
SLACK = 20  # seconds; the machine may be busy
NAME = "remote/bigrams"
SOME_FAULTS = ("hang", "drip", "half")
FAULTS = (*SOME_FAULTS, "error", "html", "no data", "other length", "mixed lengths", "nan", "null")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[EmbeddingsServer]:
    with embeddings_server.running() as server:
        yield server


@pytest.fixture(scope="module")
def encoding_house(
    endpoint: EmbeddingsServer, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """A service that has never had a vector."""
    endpoint.fault = "hang"
    settings = {
        "DATABASE_URL": database_url,
        "ENCODER": "remote",
        "ENCODER_URL": endpoint.url,
        "ENCODER_MODEL": "bigrams",
        "ENCODER_API_KEY": "key",
        "ENCODER_NEEDS_CONSENT": "false",
        "ENCODER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    }
    with open_house(tmp_path_factory.mktemp("encoding") / "var", "--demo", **settings) as house:
        yield house


def test_encoder_down(
    encoding_house: House, endpoint: EmbeddingsServer, rounds: int, few_rounds: int, tally: Tally
) -> None:
    http = encoding_house.http
    before = matched(http, "锦纶染色")
    assert (before["encoder"], before["pending"]) == ("lsa", candidates(http))
    endpoint.fault = None
    wait_for_vectors(http, "甲")
    for number in tally.each(few_rounds):
        answered = 0
        for fault in SOME_FAULTS if rounds == 1 else FAULTS:
            endpoint.fault = fault
            time.sleep(TIMEOUT_SECONDS + 0.5)  # after a failure it is not asked for so long
            asked = len(endpoint.texts)
            for text in ("袜子发黄", "茶园害虫", "高温隔热"):
                assert matched(http, f"{text}{fault}{number}")["encoder"] == "none", fault
                answered += 1
            assert len(endpoint.texts) > asked, fault
        endpoint.fault = None
        wait_for_vectors(http, f"乙{number}")
        tally.add(acknowledged=answered)


def matched(http: httpx.Client, text: str) -> dict[str, Any]:
    """A match of a text that nobody has asked for; in bounded time, whatever the endpoint does."""
    began_at = time.monotonic()
    answer = http.post("/api/v1/matches:preview", json={"title": text, "problem": "热黄变"})
    found: dict[str, Any] = answer.raise_for_status().json()
    assert time.monotonic() - began_at < TIMEOUT_SECONDS + SLACK
    assert found["matches"]
    return found


def candidates(http: httpx.Client) -> int:
    indexes = http.get("/api/v1/match-indexes").raise_for_status().json()
    return int(next(index["candidates"] for index in indexes if index["pool"] == "experts"))


def wait_for_vectors(http: httpx.Client, text: str) -> None:
    """By job, without anybody's help: all candidates have theirs, and queries get theirs."""

    def has_vectors() -> bool:
        found = matched(http, f"{text}{time.monotonic()}")
        return (found["encoder"], found["pending"]) == (NAME, 0)

    until(has_vectors, seconds=2 * PATIENCE, what="vectors", pause=1)
