"""A real reranking service on this machine, which likes tea; in Jina's and in TEI's form.

`fault` makes it misbehave in one of the ways that services do.
"""

import json
import time
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.listeners import listening

HANG_SECONDS = 15.0  # far beyond any timeout: a busy machine is late, too
LIKED = "茶"


class RerankServer(ThreadingHTTPServer):
    """`questions` are all bodies that it was ever sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault: str | None = None
        self.questions: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def texts(self) -> list[str]:
        """Everything that it was told: queries and documents."""
        return [text for one in self.questions for text in (one["query"], *_documents(one))]


def _documents(question: dict[str, Any]) -> list[str]:
    found: list[str] = question["texts"] if "texts" in question else question["documents"]
    return found


class _Handler(BaseHTTPRequestHandler):
    server: RerankServer

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.questions.append(question)
        fault = self.server.fault
        if fault == "hang":
            time.sleep(HANG_SECONDS)
            return  # by now nobody listens
        is_known = self.path == "/v1/rerank" and self.headers["Authorization"] == "Bearer key"
        body = b"<html>" if fault == "html" else json.dumps(_answer(question, fault)).encode()
        self.send_response(500 if fault == "error" else 200 if is_known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "half" else body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests need no access log."""


def _answer(question: dict[str, Any], fault: str | None) -> Any:
    is_tei = "texts" in question
    scores: list[Any] = [0.9 if LIKED in text else 0.1 for text in _documents(question)]
    match fault:
        case "too few":
            scores = scores[:-1]
        case "too many":
            scores = [*scores, 0.5]
        case "nan":
            scores[0] = float("nan")
        case "huge":
            scores[0] = 1e300
        case "null":
            scores[0] = None
    name = "score" if is_tei else "relevance_score"
    items: list[Any] = [{"index": place, name: score} for place, score in enumerate(scores)]
    if fault == "twice":
        items[0] = items[-1]
    if fault == "numbers":
        items = scores
    items.sort(key=lambda item: -item[name] if fault is None else 0)
    if fault == "no results":
        return {"error": "quota"}
    return items if is_tei else {"model": "tea", "results": items}


def running() -> AbstractContextManager[RerankServer]:
    return listening(RerankServer())
