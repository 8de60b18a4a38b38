"""Clients that never rest, and an account of every request they made."""

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx

from app.trust import trusted
from tests.acceptance.processes import until

PATIENCE = 120


@dataclass(eq=False, kw_only=True)
class Account:
    """How each request ended: a status, or the name of what went wrong."""

    ends: list[str] = field(default_factory=list)

    @property
    def failed(self) -> Counter[str]:
        return Counter(end for end in self.ends if end != "200")

    def wait_for(self, more: int) -> None:
        """Let so many more requests be answered."""
        enough = len(self.ends) + more
        until(lambda: len(self.ends) >= enough, seconds=PATIENCE, what=f"{more} more requests")


@contextlib.contextmanager
def under_load(url: str, headers: Mapping[str, str], *, clients: int = 4) -> Iterator[Account]:
    """Short requests and matches, from clients that keep their connections and retry nothing."""
    account, is_over = Account(), threading.Event()

    def ask(number: int) -> None:
        with httpx.Client(
            base_url=url, headers=headers, timeout=PATIENCE, verify=trusted()
        ) as http:
            for turn in itertools.count(number):
                if is_over.is_set():
                    return
                account.ends.append(_answer(http, turn))
                time.sleep(0.005)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield account
    finally:
        is_over.set()
        for thread in threads:
            thread.join(timeout=PATIENCE)
    assert not any(thread.is_alive() for thread in threads)


def _answer(http: httpx.Client, turn: int) -> str:
    try:
        if turn % 4:
            return str(http.get("/api/v1/me").status_code)
        body = {"title": "锦纶染色", "problem": "超细旦锦纶的热黄变"}
        return str(http.post("/api/v1/matches:preview", json=body).status_code)
    except httpx.TransportError as error:
        return f"{type(error).__name__}: {error}"
