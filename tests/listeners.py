"""Small servers that stand in for the endpoints of others, on a real socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer
from typing import TypeVar

LOOK_SECONDS = 0.01  # for its end; the library looks twice a second
ServerT = TypeVar("ServerT", bound=TCPServer)


@contextmanager
def listening(server: ServerT) -> Iterator[ServerT]:
    """The server in a thread, for as long as the block."""
    thread = threading.Thread(target=server.serve_forever, args=[LOOK_SECONDS], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
