"""Whoever has a part in the story: an account with a client of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from scripts.service import Service, Session

PASSWORD = "story-shuangku-42"
PATIENCE_SECONDS = 180.0
API = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who has signed in."""

    name: str
    account_id: str
    http: httpx.Client

    def get(self, path: str, **query: Any) -> Any:
        """The answer; AssertionError for anything but success."""
        return self._good(self.http.get(f"{API}{path}", params=query))

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The first page of a list."""
        return list(self.get(path, limit=200, **query)["items"])

    def post(self, path: str, **body: Any) -> Any:
        return self._good(self.http.post(f"{API}{path}", json=body))

    def put(self, path: str, **body: Any) -> Any:
        return self._good(self.http.put(f"{API}{path}", json=body, headers={"If-Match": "*"}))

    def attach(self, path: str, name: str, content: bytes) -> Any:
        return self._good(self.http.post(f"{API}{path}", files={"file": (name, content)}))

    def is_refused(self, method: str, path: str, *statuses: int, **body: Any) -> dict[str, Any]:
        """The problem, where the answer has one of these statuses; AssertionError elsewhere."""
        content = None if method == "GET" else body
        answer = self.http.request(method, f"{API}{path}", json=content)
        told = f"{self.name} {method} {path}: {answer.status_code}"
        assert answer.status_code in statuses, f"{told}, expected one of {statuses}"
        return dict(answer.json())

    def wait_for(self, path: str, is_so: Callable[[Any], bool]) -> Any:
        """What stands there as soon as a job has made it so; AssertionError after three minutes."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.http.get(f"{API}{path}")
            if answer.is_success and is_so(answer.json()):
                return answer.json()
            assert time.monotonic() < ends_at, f"{path} stayed as it was"
            time.sleep(0.2)

    def _good(self, answer: httpx.Response) -> Any:
        request = answer.request
        told = f"{self.name} {request.method} {request.url.path}: {answer.status_code}"
        assert answer.is_success, f"{told} {answer.text[:500]}"
        return answer.json() if answer.content else None


class Cast:
    """Makes accounts, and closes their clients at the end."""

    def __init__(self, service: Service, stack: ExitStack) -> None:
        self._service, self._stack = service, stack
        self._numbers = iter(range(1, 1_000))
        self.administrator = Person(name="管理员", account_id="", http=service.http)

    def enter(self, name: str, role: str, region_code: str | None = None) -> Person:
        """A new account, signed in."""
        email = f"story{next(self._numbers)}@story.invalid"
        account = self.administrator.post(
            "/accounts",
            email=email,
            display_name=name,
            password=PASSWORD,
            role=role,
            region_code=region_code,
        )
        auth = Session(self._service.url, email, PASSWORD)
        client = httpx.Client(base_url=self._service.url, timeout=120, auth=auth)
        self._stack.enter_context(client)
        return Person(name=name, account_id=account["id"], http=client)


@contextmanager
def cast_of(service: Service) -> Iterator[Cast]:
    with ExitStack() as stack:
        yield Cast(service, stack)
