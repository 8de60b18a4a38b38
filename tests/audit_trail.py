"""What every test proves on the side: the audit log tells of every answer, and of nobody's data."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from httpx import ByteStream, Response
from sqlalchemy import select

from app.interface.models import AuditEntry
from app.scopes import Scope, within

# Other values might be words of the interface, which actions, fields and codes consist of.
TELLING = re.compile(r"[^\x00-\x7f]|@|\d{6}")
AN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Not routed, or too large to be: nothing was asked of any record.
UNROUTED = frozenset({404, 405, 413})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# What the caller keeps is all that comes of it.
UNWRITTEN = "/auth:start-with-provider"
BATCH = ":batch"  # whose refused items have entries of their own beside its own


@dataclass(eq=False)
class AuditTrail:
    """The answers that the clients of one test have got."""

    answers: list[tuple[str, str, int]] = field(default_factory=list)
    values: set[str] = field(default_factory=set)

    async def note(self, response: Response) -> None:
        request = response.request
        if request.method not in SAFE and response.status_code not in UNROUTED:
            request_id = response.headers["x-request-id"]
            self.answers.append(
                (f"{request.method} {request.url.path}", request_id, response.status_code)
            )
            if isinstance(request.stream, ByteStream):
                self.values |= {v for v in _texts(_parsed(request.content)) if _is_telling(v)}

    async def check(self, app: FastAPI) -> None:
        """Every answer has one entry of its status, and no entry holds a value that was sent.

        Of repeated refusals by the rate limits only some are told.
        """
        if not self.answers:
            return
        await app.state.refusal_log.drain()
        async with within(app.state.sessions, Scope.AUDIT)() as session:
            entries = (await session.scalars(select(AuditEntry))).all()
        found = Counter((e.request_id, e.status, e.action.endswith(BATCH)) for e in entries)
        for what, request_id, status in self.answers:
            count = found[request_id, status, what.endswith(BATCH)]
            is_told = count == 1 or (not count and (status == 429 or what.endswith(UNWRITTEN)))
            assert is_told, f"{count} entries say that {what} was answered {status}"
        shown = " ".join(str(_columns(entry)) for entry in entries)
        leaked = [value for value in self.values if value in shown]
        assert not leaked, f"the audit log holds {leaked}"


def _columns(entry: AuditEntry) -> dict[str, object]:
    """All that could hold a value: ids, moments and the transaction's number are made by us."""
    names = ("action", "role", "fields", "code", "email_hash")
    return {name: getattr(entry, name) for name in names}


def _is_telling(text: str) -> bool:
    return bool(TELLING.search(text)) and not AN_ID.fullmatch(text)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _texts(value: Any) -> Iterator[str]:
    """Every text of a JSON document, the names of its fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from (name, *_texts(part))
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
