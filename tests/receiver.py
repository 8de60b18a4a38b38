"""Somebody's system that receives events on this machine, in every way in which one can fail.

The path says how: `/fine`, `/500`, `/410`, `/redirect`, `/hang`, `/drip`, `/cut`, `/garbage`,
`/endless`.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

from tests.listeners import listening

HOST = "127.0.0.1"
REQUEST_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(eq=False)
class Memory:
    received: list[Received] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: SSLContext | None) -> None:
        super().__init__((HOST, 0), _Handler)
        self.memory = Memory()
        self.answers: list[str] = []  # paths in whose way the next requests are answered
        self.scheme = "http" if context is None else "https"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def received(self) -> list[Received]:
        return self.memory.received

    def url(self, path: str, host: str = HOST) -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    timeout = REQUEST_SECONDS

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(path=self.path, headers=found, body=body))
        way = self.server.answers.pop(0) if self.server.answers else self.path
        self.close_connection = True
        with suppress(OSError):  # whoever asked has gone
            self._answer(way.removeprefix("/").partition("?")[0])

    def _answer(self, way: str) -> None:
        if way == "hang":
            self.server.memory.is_over.wait(REQUEST_SECONDS)
        elif way == "drip":
            self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"." * 900)
        elif way == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n..")
        elif way == "garbage":
            self.wfile.write(b"\x00\xff what is this\r\n\r\n")
        elif way == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            while not self.server.memory.is_over.is_set():
                self.wfile.write(b"x" * 10_000)
        elif way == "redirect":
            self._say(302, b"", ("Location", self.server.url("/fine")))
        else:
            self._say(200 if way == "fine" else int(way), b"busy\x00\x07" + b"." * 900)

    def _drip(self, content: bytes) -> None:
        for byte in content:
            if self.server.memory.is_over.is_set():
                return
            self.wfile.write(bytes([byte]))
            time.sleep(0.02)

    def _say(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests say what was received."""


@contextmanager
def receiver(context: SSLContext | None = None) -> Iterator[Receiver]:
    with listening(Receiver(context)) as server:
        try:
            yield server
        finally:
            server.memory.is_over.set()
