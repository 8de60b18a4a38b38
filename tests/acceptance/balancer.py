"""A balancer of the tests' own: connections in turn to whoever is ready, and no second attempt."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from urllib.parse import urlsplit

CHECK_SECONDS = 0.2
BLOCK = 65_536


@dataclass(eq=False)
class Balancer:
    """Runs in threads; `handed` counts the connections that each service was given."""

    urls: Sequence[str]
    listener: socket.socket
    is_over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.handed = dict.fromkeys(self.urls, 0)
        self._ready = set(self.urls)
        self._turns = cycle(self.urls)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def check(self) -> None:
        """Let only a service that answers 200 at /readyz have connections."""
        while not self.is_over.wait(CHECK_SECONDS):
            for url in self.urls:
                (self._ready.add if is_ready(url) else self._ready.discard)(url)

    def accept(self) -> None:
        """Hand connections on until the listener is shut."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                url = next(url for url in self._turns if url in self._ready)
                self.handed[url] += 1
                threading.Thread(target=hand_on, args=[client, url], daemon=True).start()


@contextlib.contextmanager
def balancing(*urls: str) -> Iterator[Balancer]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        balancer = Balancer(urls, listener)
        threads = [threading.Thread(target=work) for work in (balancer.check, balancer.accept)]
        for thread in threads:
            thread.start()
        try:
            yield balancer
        finally:
            balancer.is_over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def hand_on(client: socket.socket, url: str) -> None:
    """Pass bytes in both directions until either side closes."""
    address = urlsplit(url)
    with client, contextlib.suppress(OSError), selectors.DefaultSelector() as selector:
        server = socket.create_connection((address.hostname or "", address.port or 0))
        other = {client: server, server: client}
        with server:
            for side in other:
                selector.register(side, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    side = client if key.fileobj is client else server
                    block = side.recv(BLOCK)
                    if not block:
                        return
                    other[side].sendall(block)


def is_ready(url: str) -> bool:
    with contextlib.closing(HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
