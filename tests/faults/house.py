"""A service that has accidents, at one address and in one folder, and is started again."""

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from scripts.service import free_port, signed_in
from tests.acceptance.processes import (
    ADMINISTRATOR,
    PASSWORD,
    Running,
    alive,
    postmaster,
    start,
    until,
    wait_until_ready,
)

PATIENCE = 120
CLIENT_SECONDS = 8
SETTINGS = {"CLIENT_SECONDS": str(CLIENT_SECONDS), "WEBHOOK_ALLOWED_HOSTS": "127.0.0.1"}


@dataclass(eq=False, kw_only=True)
class House:
    """`http` is an administrator's, and outlives the service."""

    folder: Path
    port: int
    arguments: Sequence[str] = ()
    prefix: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    http: httpx.Client = field(init=False)
    running: Running = field(init=False)

    def start(self) -> None:
        settings = SETTINGS | dict(self.settings)
        self.running = start(
            self.folder, *self.arguments, port=self.port, prefix=self.prefix, **settings
        )
        wait_until_ready(self.running)

    def kill(self) -> None:
        """kill -9 of all that serves, at once; the worker and PostgreSQL are left to themselves."""
        serving = [psutil.Process(self.running.process.pid), *self.running.serving()]
        for process in serving:
            process.kill()
        self.running.process.wait()
        until(lambda: not alive(serving), seconds=PATIENCE, what="end of the service")

    def kill_worker(self) -> None:
        self.running.worker().kill()

    def kill_postgres(self) -> None:
        """All its processes, the first one first, so that it cannot tell the others."""
        server = psutil.Process(postmaster(self.folder))
        for process in [server, *server.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def bearer(self) -> str:
        """The header that signs a raw request in, for some minutes."""
        return str(self.http.get("/api/v1/me").request.headers["Authorization"])

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/readyz").is_success
        return False

    def wait_until_ready(self) -> None:
        until(self.is_ready, seconds=PATIENCE, what="recovery")


@contextlib.contextmanager
def open_house(
    folder: Path, *arguments: str, prefix: Sequence[str] = (), **settings: str
) -> Iterator[House]:
    """A house in the folder, with the demonstration pool."""
    house = House(
        folder=folder, port=free_port(), arguments=arguments, prefix=prefix, settings=settings
    )
    house.start()
    try:
        with signed_in(house.running.url, ADMINISTRATOR, PASSWORD) as administrator:
            house.http = administrator.http
            yield house
    finally:
        if house.running.process.poll() is None:
            house.running.stop(signal.SIGTERM)


def listed(http: httpx.Client, path: str, **parameters: str) -> list[dict[str, Any]]:
    """All items of all pages."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": "200"} | parameters
        query |= {"cursor": cursor} if cursor else {}
        page = http.get(f"/api/v1/{path}", params=query).raise_for_status().json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
