"""The hash chain over the audit log: what a digest covers, and how blocks are linked.

Nothing here depends on the database's own functions, so that an auditor can compute it anew from
an export of the two tables.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.audit.models import AuditSeal
from app.clock import now

GENESIS = bytes(32)
DIGEST_SIZE = 32

Row = Mapping[str, Any]


def digest_of(entry: Row) -> bytes:
    """SHA-256 of an entry's columns as JSON, by name, without those that are null or empty.

    So a column that a later version adds leaves the digests of old entries what they were.
    """
    said = {name: _plain(value) for name, value in entry.items() if value not in (None, [], "")}
    return hashlib.sha256(_json(said)).digest()


def hash_of(seal: AuditSeal) -> bytes:
    """SHA-256 of a seal: its place, its times, the block before it, its entries and digests."""
    said = {
        "number": seal.number,
        "sealed_at": _plain(seal.sealed_at),
        "newest_at": _plain(seal.newest_at),
        "entry_ids": _plain(seal.entry_ids),
        "digests": seal.digests.hex(),
        "dropped_through": seal.dropped_through,
        "previous_hash": seal.previous_hash.hex(),
    }
    return hashlib.sha256(_json(said)).digest()


def link(last: AuditSeal | None, entries: Sequence[Row], dropped_through: int | None) -> AuditSeal:
    """The seal over the next block; it repeats how far entries were dropped unless that is news."""
    sealed_at = now()
    if dropped_through is None:
        dropped_through = last.dropped_through if last else 0
    seal = AuditSeal(
        id=uuid7(),
        number=last.number + 1 if last else 1,
        sealed_at=sealed_at,
        newest_at=max((entry["happened_at"] for entry in entries), default=sealed_at),
        entry_ids=[entry["id"] for entry in entries],
        digests=b"".join(digest_of(entry) for entry in entries),
        dropped_through=dropped_through,
        previous_hash=last.hash if last else GENESIS,
    )
    seal.hash = hash_of(seal)
    return seal


def sealed_digests(seal: AuditSeal) -> Iterator[tuple[UUID, bytes]]:
    """Each entry's id with the digest it was sealed with."""
    size = DIGEST_SIZE
    for place, entry_id in enumerate(seal.entry_ids):
        yield entry_id, seal.digests[place * size : (place + 1) * size]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [str(item) for item in value]
    return value if isinstance(value, int) else str(value)


def _json(said: Mapping[str, object]) -> bytes:
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
