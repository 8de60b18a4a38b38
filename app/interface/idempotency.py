"""A POST that comes twice is done once: `Idempotency-Key`, for a day, by account.

The key is claimed in the transaction of the work, and the answer is kept in it too: of parallel
requests the others wait for the first one's end, and a request that fails has never been. Those of
a batch, which may take long, are turned away before, see `turns`.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import delete, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.encryption.sealed import ring
from app.interface.errors import KeyReused, invalid_field
from app.interface.models import KeptAnswer
from app.scopes import Scope, open_scope

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
ACCEPTED = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_FOR = timedelta(hours=24)
NOBODY = UUID(int=0)
ID = re.compile(rb"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
KEPT_HEADERS = ("content-type", "content-language", "cache-control", "etag", "location", "vary")
UNKEPT = "has_unkept_answers"
CHECK = "checks_before_it_repeats"

Check = Callable[[Mapping[str, Any]], Awaitable[object]]

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a repetition must have in common with the first request."""

    key: str
    content: bytes


def unkept(endpoint: EndpointT) -> EndpointT:
    """Mark an endpoint that shows or is sent secrets, or changes nothing: no answer is kept."""
    setattr(endpoint, UNKEPT, True)
    return endpoint


def repeated_if(check: Check) -> Callable[[EndpointT], EndpointT]:
    """Mark an endpoint whose kept answer shows what its caller may have lost sight of since.

    check: reads what the answer is about for the endpoint's values, and raises if it may not be.
    """

    def mark(endpoint: EndpointT) -> EndpointT:
        setattr(endpoint, CHECK, check)
        return endpoint

    return mark


async def check_again(endpoint: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Raises if the caller may not be given the kept answer any more."""
    check: Check | None = getattr(endpoint, CHECK, None)
    if check is not None:
        await check(values)


def keeps_answers(endpoint: Callable[..., Any]) -> bool:
    return not getattr(endpoint, UNKEPT, False)


async def claim_of(request: Request) -> Claim | None:
    """What the request claims, None without a key; Invalid when the key is no key."""
    key = request.headers.get(HEADER)
    if request.method != "POST" or key is None:
        return None
    if not ACCEPTED.fullmatch(key):
        raise invalid_field(
            HEADER,
            "bad_key",
            "应为 1 到 255 个可见 ASCII 字符",
            "1 to 255 visible ASCII characters",
        )
    return Claim(key=key, content=await _content(request))


async def claim_again(request: Request) -> Response | None:
    """Claim the request's key, if it has one, in a new transaction; see `find`."""
    claim: Claim | None = request.state.claim
    return None if claim is None else await find(request, claim)


async def find(request: Request, claim: Claim) -> Response | None:
    """Claim the key for this request, or return the kept answer; waits for one under way.

    Raises KeyReused when the key came with another request before, or from the caller when their
    rights were others.
    """
    session, principal = _session_of(request), _principal_of(request)
    fingerprint = _fingerprint(request, claim)
    if principal == NOBODY:
        await open_scope(session, Scope.LOOKUP)  # of nothing: nobody is known here
    row = {"principal": principal, "key": claim.key, "fingerprint": fingerprint}
    fresh: dict[str, Any] = {"status": None, "headers": {}, "body": b"", "record_ids": []}
    fresh["created_at"] = now()
    statement = insert(KeptAnswer).values(row | fresh)
    claimed = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=["principal", "key"],
            set_=fresh | {"fingerprint": fingerprint},
            where=or_(
                KeptAnswer.created_at < now() - KEPT_FOR,
                KeptAnswer.status.is_(None),
            ),
        ).returning(KeptAnswer.key)
    )
    if claimed is not None:
        return None
    kept = await session.get_one(KeptAnswer, (principal, claim.key))
    if kept.fingerprint != fingerprint:
        raise KeyReused()
    headers = kept.headers | {REPLAYED: "true"}
    body = ring().open(kept.body.decode("latin-1"), _place(principal, claim.key))
    return Response(body.encode("latin-1"), status_code=kept.status or 200, headers=headers)


async def keep(request: Request, claim: Claim, response: Response) -> None:
    """Keep the answer beside the work; a replayed one is kept already."""
    if REPLAYED in response.headers or not 200 <= response.status_code < 300:
        return
    principal = _principal_of(request)
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    content = bytes(response.body)
    # The answer shows contacts, which the database is not to hold in the open.
    body = ring().seal(content.decode("latin-1"), _place(principal, claim.key))
    await _session_of(request).execute(
        update(KeptAnswer)
        .where(KeptAnswer.principal == principal, KeptAnswer.key == claim.key)
        .values(
            status=response.status_code,
            headers=headers,
            body=body.encode("latin-1"),
            record_ids=_named_ids(request, content),
        )
    )


async def forget_old(session: AsyncSession) -> None:
    """Delete the answers that are too old to be given again."""
    await session.execute(delete(KeptAnswer).where(KeptAnswer.created_at < now() - KEPT_FOR))


async def forget_about(session: AsyncSession, record_ids: Collection[UUID]) -> None:
    """Delete the answers that show one of the records, and those of which nobody can tell."""
    shown = or_(KeptAnswer.record_ids.overlap(list(record_ids)), KeptAnswer.record_ids.is_(None))
    await session.execute(
        delete(KeptAnswer).where(shown).execution_options(synchronize_session=False)
    )


def _named_ids(request: Request, content: bytes) -> list[UUID]:
    """Every id that stands in the answer or in the path: it may show any of these records."""
    found = {UUID(text.decode()) for text in ID.findall(content)}
    return sorted(found.union(v for v in request.path_params.values() if isinstance(v, UUID)))


def _place(principal: UUID, key: str) -> str:
    return f"kept_answers.body.{principal}.{key}"


def _session_of(request: Request) -> AsyncSession:
    session: AsyncSession = request.state.session
    return session


def _principal_of(request: Request) -> UUID:
    """The account that the door let in, see `app.accounts.dependencies`."""
    principal: UUID = getattr(request.state, "principal", NOBODY)
    return principal


def _fingerprint(request: Request, claim: Claim) -> bytes:
    """Of the request and of what its caller's rights rest on: whoever has lost some since is not
    shown again what they may see no more.

    Without the service's key nobody can try out what was sent.
    """
    key: str = request.app.state.settings.secret_key.get_secret_value()
    standing: str = getattr(request.state, "standing", "")
    text = b"idempotent request " + standing.encode() + claim.content
    return hmac.digest(key.encode(), text, hashlib.sha256)


async def _content(request: Request) -> bytes:
    """The same for the same request, also when a form is put together anew around its parts."""
    body = await request.body()
    kind, found, boundary = request.headers.get("content-type", "").partition("boundary=")
    if found and kind.startswith("multipart/"):
        body = body.replace(boundary.strip('"').encode(), b"")
    target = f"{request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(target + body).digest()
