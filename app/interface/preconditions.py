"""Nobody's change is lost: whoever changes a record names the version they saw (RFC 9110, 13.1).

An entity tag is `"version-digest"`. The digest covers the view and the language, so that a cached
answer is only used again where it would be the same; a precondition compares the version alone.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.interface.errors import Forbidden, NotFound, PreconditionFailed, PreconditionRequired

CHANGING = frozenset({"PUT", "PATCH", "DELETE"})
ANY = "*"
# In a session's info: what its request says of the record that it changes.
PRECONDITION = "precondition"


class Versioned(Protocol):
    """A record as the database keeps it."""

    id: UUID
    version: int


RecordT = TypeVar("RecordT", bound=Versioned)


@dataclass(kw_only=True)
class Precondition:
    """What a request says of the record that its path names last; None for the caller's own."""

    if_match: str | None
    record_id: UUID | None
    is_required: bool
    was_asked: bool = False


def precondition_of(request: Request) -> Precondition:
    """The precondition of a request that is about to be handled."""
    ids = [value for value in request.path_params.values() if isinstance(value, UUID)]
    return Precondition(
        if_match=request.headers.get("if-match"),
        record_id=ids[-1] if ids else None,
        is_required=request.method in CHANGING,
    )


def admitted(
    session: AsyncSession,
    record: RecordT | None,
    *,
    may_read: Callable[[RecordT], object],
    may_touch: Callable[[RecordT], object],
) -> RecordT:
    """The record, locked by the caller, for somebody who wants to change it.

    The order is part of the rule: who may not read it must not learn that it is there.
    Raises NotFound, Forbidden, and what `meet` raises.
    """
    if record is None or not may_read(record):
        raise NotFound()
    if not may_touch(record):
        raise Forbidden()
    meet(session, record)
    return record


def meet(session: AsyncSession, record: Versioned) -> None:
    """Refuse a request that changes the record and saw another version of it.

    `record` is locked or guarded by its version column. Jobs and commands have no precondition.
    Raises PreconditionRequired or PreconditionFailed.
    """
    precondition: Precondition | None = session.info.get(PRECONDITION)
    if precondition is None or precondition.record_id not in (None, record.id):
        return
    precondition.was_asked = True
    if precondition.if_match is None:
        if precondition.is_required:
            raise PreconditionRequired()
        return
    if not _names(precondition.if_match, record.version):
        raise PreconditionFailed()


def entity_tag(version: int, body: bytes) -> str:
    """The strong entity tag of one representation."""
    return f'"{version}-{hashlib.blake2b(body, digest_size=8).hexdigest()}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller has this representation already; weak tags count (RFC 9110, 13.1.2)."""
    given = [part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")]
    return ANY in given or tag in given


def _names(if_match: str, version: int) -> bool:
    # A proxy that compresses weakens a tag; the version in it stays what it was.
    tags = [part.strip().removeprefix("W/").strip('"') for part in if_match.split(",")]
    given = [tag.partition("-")[0] for tag in tags]
    return ANY in given or str(version) in given
