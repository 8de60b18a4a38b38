"""The audit log is written here: one entry for what a transaction did, in that transaction.

Whatever appends a change, and every request that writes or shows something sensitive, leaves an
entry with its commit, so neither is there without the other. Refusals are recorded after their
request has rolled back, see `app.interface.refusal_log`.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Float, bindparam, event, func, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from uuid_utils.compat import uuid7

from app.database import AuditedSession, Base
from app.interface.models import AuditEntry, UnsealedEntry

KEPT_RECORDS = 1_000  # the changes of the same transaction name all of them
SENSITIVE, BY_EMAIL = "is_sensitive", "is_by_email"
# In a session's info: the trace of its request, or of a transaction without one.
TRACE, WORK = "trace", "work"
WAITED = "waited"  # of INSERT: how many seconds before its transaction

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])


@dataclass(eq=False, kw_only=True)
class Trace:
    """What is to be said of one request, or of one transaction of a job or command."""

    action: str
    id: UUID = field(default_factory=uuid7)
    is_wanted: bool = True
    path_ids: tuple[UUID, ...] = ()
    request_id: str | None = None
    network: str | None = None
    account_id: UUID | None = None
    api_key_id: UUID | None = None
    role: str | None = None
    fields: set[str] = field(default_factory=set)
    touched: dict[UUID, None] = field(default_factory=dict)
    email_hash: bytes | None = None
    status: int | None = None
    code: str | None = None
    kept_status: int | None = None
    refused_items: Sequence["AuditedItem"] = ()

    def is_of_interest(self) -> bool:
        """Whether a refusal of the request is to be recorded, and has not been with its work."""
        is_probe = self.account_id is not None and self.status in (403, 404)
        return self.kept_status != self.status and (self.is_wanted or is_probe)

    def rows(self) -> list[dict[str, Any]]:
        """The entry, and one for all items that were refused alike, as they go to the database."""
        # What a refused request touched is undone.
        touched = () if self.code else self.touched
        record_ids = list(dict.fromkeys([*self.path_ids, *touched]))[:KEPT_RECORDS]
        row = {
            "id": self.id,
            "action": self.action,
            "account_id": self.account_id,
            "api_key_id": self.api_key_id,
            "role": self.role,
            "record_ids": record_ids,
            "fields": sorted(self.fields),
            "status": self.status,
            "code": self.code,
            "request_id": self.request_id,
            "network": self.network,
            "email_hash": self.email_hash,
            "item_count": None,
        }
        alike: dict[Any, list[AuditedItem]] = defaultdict(list)
        for item in self.refused_items:
            alike[item.action, item.status, item.code].append(item)
        return [row, *(row | _columns_of(items) for items in alike.values())]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedItem:
    """What was refused within a request that did the rest: as its own request would be told of."""

    action: str
    record_id: UUID | None
    fields: frozenset[str]
    status: int
    code: str


def _columns_of(items: Sequence[AuditedItem]) -> dict[str, Any]:
    """Where the entry of items that were refused alike differs from their request's.

    One for each of them would let one request write 500.
    """
    ids = dict.fromkeys(item.record_id for item in items if item.record_id is not None)
    names = {name for item in items for name in item.fields}
    return {
        "id": uuid7(),
        "action": items[0].action,
        "record_ids": list(ids),
        "fields": sorted(names),
        "status": items[0].status,
        "code": items[0].code,
        "item_count": len(items),
    }


_NOBODY = Trace(action="service")
_work: ContextVar[tuple[str, str | None]] = ContextVar("work", default=("service", None))
# How many records were touched before a savepoint.
_before: WeakKeyDictionary[SessionTransaction, int] = WeakKeyDictionary()

# Tables instead of classes: the entry and its place in the queue are one statement.
_entries = Base.metadata.tables[AuditEntry.__tablename__]
# Nothing is returned from it: who may add an entry need not be able to read it.
_values: dict[str, Any] = {name: bindparam(name) for name in _NOBODY.rows()[0]}
# A refusal may have waited for its turn, and its own transaction for a lock.
_waited = func.make_interval(0, 0, 0, 0, 0, 0, bindparam(WAITED, None, type_=Float()))
_happened_at = func.coalesce(func.now() - _waited, func.clock_timestamp())
_entry = insert(_entries).values(_values | {"happened_at": _happened_at}).cte("entry")
_unsealed = Base.metadata.tables[UnsealedEntry.__tablename__]
INSERT = insert(_unsealed).values(entry_id=bindparam("id")).add_cte(_entry)


def sensitive(shows: str | None = None) -> Callable[[EndpointT], EndpointT]:
    """Mark an endpoint whose reading is recorded.

    `shows`: only where the answer holds this field of a record, which other readers see as null.
    """

    def mark(endpoint: EndpointT) -> EndpointT:
        setattr(endpoint, SENSITIVE, shows or "")
        return endpoint

    return mark


def by_email(endpoint: EndpointT) -> EndpointT:
    """Mark an endpoint for people who are not signed in yet: attempts count by e-mail, hashed."""
    setattr(endpoint, BY_EMAIL, True)
    return endpoint


@contextmanager
def working(action: str, request_id: str | None = None) -> Iterator[None]:
    """Name the job or command whose transactions follow."""
    token = _work.set((action, request_id))
    try:
        yield
    finally:
        _work.reset(token)


def touch(session: AsyncSession, record_id: UUID) -> UUID:
    """The session's transaction changes this record, so its commit leaves an entry: its id."""
    trace = _trace_of(session)
    trace.is_wanted = True
    if len(trace.touched) < KEPT_RECORDS:
        trace.touched[record_id] = None
    return trace.id


def note_refused_items(session: AsyncSession, items: Sequence[AuditedItem]) -> None:
    """These items of the session's request were refused, whatever becomes of the others."""
    _trace_of(session).refused_items = items


def identify(
    session: AsyncSession, account_id: UUID, role: str, *, api_key_id: UUID | None = None
) -> None:
    """Name who makes the session's request."""
    trace = _trace_of(session)
    trace.account_id, trace.role, trace.api_key_id = account_id, str(role), api_key_id


def hash_email(key: str, email: str) -> bytes:
    """Alike for the attempts on one address; without the service's key nobody can guess whose."""
    return hmac.digest(key.encode(), b"audit e-mail " + email.lower().encode(), hashlib.sha256)[:16]


def network_of(host: str | None) -> str | None:
    """The client's network: enough to tell attacks apart, too little to find a household."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _trace_of(session: AsyncSession) -> Trace:
    """The request's trace, else one of the work at hand for this transaction."""
    trace = _known_trace(session.sync_session)
    if trace is None:
        action, request_id = _work.get()
        trace = session.info[WORK] = Trace(action=action, request_id=request_id)
    return trace


def _known_trace(session: Session) -> Trace | None:
    trace: Trace | None = session.info.get(TRACE) or session.info.get(WORK)
    return trace


@event.listens_for(AuditedSession, "before_commit")
def _leave_entry(session: Session) -> None:
    trace = _known_trace(session)
    if trace is None or not trace.is_wanted or session.in_nested_transaction():
        return
    session.execute(INSERT, trace.rows())
    trace.kept_status = trace.status
    trace.id = uuid7()  # of the next entry, should this commit fail and be told of as such


@event.listens_for(AuditedSession, "after_transaction_create")
def _note_savepoint(session: Session, transaction: SessionTransaction) -> None:
    trace = _known_trace(session)
    if transaction.nested:
        _before[transaction] = len(trace.touched) if trace else 0


@event.listens_for(AuditedSession, "after_soft_rollback")
def _untouch(session: Session, transaction: SessionTransaction) -> None:
    """What was touched since the savepoint, or in the whole transaction, is as it was."""
    trace = _known_trace(session)
    if trace is not None and (transaction.nested or transaction.parent is None):
        count = _before.get(transaction, 0)
        trace.touched = dict.fromkeys(list(trace.touched)[:count])


@event.listens_for(AuditedSession, "after_transaction_end")
def _forget_work(session: Session, transaction: SessionTransaction) -> None:
    """The next transaction of a job says anew what it did."""
    if transaction.parent is None:
        session.info.pop(WORK, None)
