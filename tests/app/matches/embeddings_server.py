"""A real embeddings service on this machine: OpenAI's protocol, vectors of hashed bigrams.

`fault` makes it misbehave in one of the ways that services do; `passing` faults hit one request
each, before that.
"""

import contextlib
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.utils import formatdate
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

from tests.listeners import listening

DIMENSIONS = 64
HANG_SECONDS = 15.0  # far beyond any timeout: a busy machine is late, too
DRIP_SECONDS = 0.1
STATUSES = {"error": 500, "busy": 429, "busy for long": 429, "busy until": 503, "refused": 401}
RETRY_AFTER: dict[str | None, Callable[[], str]] = {
    "busy": lambda: "1",
    "busy for long": lambda: "3600",
    "busy until": lambda: formatdate(time.time() + 2, usegmt=True),
}


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Counts of the text's character bigrams, hashed into buckets; the first is never zero."""
    vector = [0.1] + [0.0] * (dimensions - 1)
    for first, second in pairwise(text):
        digest = blake2b((first + second).encode(), digest_size=4).digest()
        vector[int.from_bytes(digest) % dimensions] += 1.0
    return vector


class EmbeddingsServer(ThreadingHTTPServer):
    """`texts` are all that it was ever asked for; `requests` when and for how many, each time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault: str | None = None
        self.passing: list[str] = []
        self.pause = 0.0  # seconds before each answer
        self.texts: list[str] = []
        self.requests: list[tuple[float, int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingsServer

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        texts = json.loads(self.rfile.read(length))["input"]
        is_known = self.path == "/v1/embeddings" and self.headers["Authorization"] == "Bearer key"
        self.server.texts += texts
        self.server.requests.append((time.monotonic(), len(texts)))
        fault = self.server.passing.pop(0) if self.server.passing else self.server.fault
        time.sleep(self.server.pause)
        if fault == "hang":
            time.sleep(HANG_SECONDS)
            return  # by now nobody listens
        if fault == "cut":
            return  # without a word
        status = STATUSES.get(fault or "", 200 if is_known else 404)
        if fault == "drip":
            self._drip()
            return
        body = b"<html>" if fault == "html" else json.dumps(_answer(texts, fault)).encode()
        self.send_response(status)
        if fault in RETRY_AFTER:
            self.send_header("Retry-After", RETRY_AFTER[fault]())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "half" else body)

    def _drip(self) -> None:
        """An answer that goes on for ever, a byte at a time."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            while True:
                self.wfile.write(b" ")
                time.sleep(DRIP_SECONDS)

    def log_message(self, format: str, *args: object) -> None:
        """Tests need no access log."""


def _answer(texts: list[str], fault: str | None) -> Any:
    vectors: list[Any] = [embed(text) for text in texts]
    match fault:
        case "too few":
            vectors = vectors[:-1]
        case "other length":
            vectors = [embed(text, 32) for text in texts]
        case "mixed lengths":
            vectors = [*vectors, embed("x", 32)][-len(texts) :]
        case "nan":
            vectors = [[float("nan")] * DIMENSIONS for _ in texts]
        case "infinite":
            vectors = [[1e39] * DIMENSIONS for _ in texts]
        case "huge":
            vectors = [[10**400] * DIMENSIONS for _ in texts]
        case "zero":
            vectors = [[0.0] * DIMENSIONS for _ in texts]
        case "null":
            vectors = [None for _ in texts]
        case "no data":
            return {"error": "quota"}
        case "list":
            return vectors
    # In reverse, since only `index` says which is which.
    return {"data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)][::-1]}


def running() -> AbstractContextManager[EmbeddingsServer]:
    return listening(EmbeddingsServer())
