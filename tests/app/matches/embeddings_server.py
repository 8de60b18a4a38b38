"""A real embeddings service on this machine: OpenAI's protocol, vectors of hashed bigrams.

`fault` makes it misbehave in one of the ways that services do.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

DIMENSIONS = 64
HANG_SECONDS = 15.0  # far beyond any timeout: a busy machine is late, too


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Counts of the text's character bigrams, hashed into buckets; the first is never zero."""
    vector = [0.1] + [0.0] * (dimensions - 1)
    for first, second in pairwise(text):
        digest = blake2b((first + second).encode(), digest_size=4).digest()
        vector[int.from_bytes(digest) % dimensions] += 1.0
    return vector


class EmbeddingsServer(ThreadingHTTPServer):
    """`texts` are all that it was ever asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault: str | None = None
        self.texts: list[str] = []

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
        fault = self.server.fault
        if fault == "hang":
            time.sleep(HANG_SECONDS)
            return  # by now nobody listens
        status = 500 if fault == "error" else 200 if is_known else 404
        body = b"<html>" if fault == "html" else json.dumps(_answer(texts, fault)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


@contextmanager
def running() -> Iterator[EmbeddingsServer]:
    server = EmbeddingsServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
