"""Every SELECT on the audit log and its seals."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app import queries
from app.accounts.models import Account
from app.audit.models import AuditSeal
from app.audit.schemas import AuditOutcome, AuditQuery
from app.changes.models import Change
from app.interface.models import AuditEntry, UnsealedEntry

SEALING_LOCK = func.hashtext("seal_audit_entries")
EQUALS = ("account_id", "action", "status", "code", "request_id", "network")
MAX_CHANGES = 200

# Neither sealed nor waiting for it: somebody wrote it without the service. As a difference of sets
# and not with NOT EXISTS, which the planner may turn into a loop over all pairs: 434 s for 100,000.
STRAY = text(
    """
    SELECT id FROM audit_entries
    EXCEPT SELECT unnest(entry_ids) FROM audit_seals
    EXCEPT SELECT entry_id FROM unsealed_entries
    ORDER BY id LIMIT 1
    """
)


async def find(session: AsyncSession, entry_id: UUID) -> AuditEntry | None:
    return await session.get(AuditEntry, entry_id)


async def changes_of(session: AsyncSession, entry: AuditEntry) -> Sequence[Change]:
    """What changed in the entry's transaction: the first 200.

    Found by their subjects, which have an index. Numbers of transactions would not do: a restored
    database begins them anew.
    """
    statement = select(Change).where(
        Change.entry_id == entry.id, Change.subject_id.in_(entry.record_ids)
    )
    return (await session.scalars(statement.order_by(Change.id).limit(MAX_CHANGES))).all()


def listed(query: AuditQuery, *, email_hash: bytes | None = None) -> Select[AuditEntry]:
    """Entries that meet the filters; with `email_hash` the attempts on that address."""
    statement = select(AuditEntry)
    statement = statement.where(*queries.equals(AuditEntry, query, EQUALS))
    if query.record_id is not None:
        statement = statement.where(AuditEntry.record_ids.contains([query.record_id]))
    if query.outcome is not None:
        is_done = query.outcome is AuditOutcome.DONE
        statement = statement.where(AuditEntry.code.is_(None) == is_done)
    if query.happened_at_gte is not None:
        statement = statement.where(AuditEntry.happened_at >= query.happened_at_gte)
    if query.happened_at_lt is not None:
        statement = statement.where(AuditEntry.happened_at < query.happened_at_lt)
    if email_hash is not None:
        statement = statement.where(AuditEntry.email_hash == email_hash)
    return statement


def listed_readings(record_id: UUID, actions: str) -> Select[AuditEntry]:
    """The times an action of this regular expression showed the record to somebody."""
    return select(AuditEntry).where(
        AuditEntry.record_ids.contains([record_id]),
        AuditEntry.action.regexp_match(actions),
        AuditEntry.code.is_(None),
    )


async def next_entries(
    session: AsyncSession, statement: Select[AuditEntry], after: AuditEntry | None, limit: int
) -> Sequence[AuditEntry]:
    """The entries of `statement` that follow `after`, oldest first."""
    keys = (AuditEntry.happened_at, AuditEntry.id)
    if after is not None:
        statement = statement.where(tuple_(*keys) > tuple_(after.happened_at, after.id))
    return (await session.scalars(statement.order_by(*keys).limit(limit))).all()


async def names_of(session: AsyncSession, account_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The display names of those accounts that still exist."""
    statement = select(Account.id, Account.display_name).where(Account.id.in_(account_ids))
    return {row.id: row.display_name for row in await session.execute(statement)}


async def lock_seals(session: AsyncSession) -> None:
    """Nobody else seals or drops until this transaction ends; writers of entries do not care."""
    await session.execute(select(func.pg_advisory_xact_lock(SEALING_LOCK)))


async def waiting(session: AsyncSession, limit: int) -> Sequence[Mapping[str, Any]]:
    """Committed entries that have no seal yet, in the order of their ids."""
    entries = AuditEntry.__table__
    joined = entries.join(UnsealedEntry, UnsealedEntry.entry_id == entries.c.id)
    statement = select(entries).select_from(joined).order_by(entries.c.id).limit(limit)
    return [row._asdict() for row in await session.execute(statement)]


async def stop_waiting(session: AsyncSession, entry_ids: Sequence[UUID]) -> None:
    await session.execute(delete(UnsealedEntry).where(UnsealedEntry.entry_id.in_(entry_ids)))


async def stored_entries(
    session: AsyncSession, entry_ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Any]]:
    """Those of the entries that are there, as the database keeps them, by id."""
    entries = AuditEntry.__table__
    found = await session.execute(select(entries).where(entries.c.id.in_(entry_ids)))
    return {row.id: row._asdict() for row in found}


def listed_seals() -> Select[AuditSeal]:
    return select(AuditSeal)


async def last_seal(session: AsyncSession) -> AuditSeal | None:
    return await session.scalar(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))


async def find_seal(session: AsyncSession, number: int) -> AuditSeal | None:
    return await session.scalar(select(AuditSeal).where(AuditSeal.number == number))


async def next_seals(session: AsyncSession, after: int, limit: int) -> Sequence[AuditSeal]:
    statement = select(AuditSeal).where(AuditSeal.number > after).order_by(AuditSeal.number)
    return (await session.scalars(statement.limit(limit))).all()


async def newest_through(session: AsyncSession, number: int) -> datetime | None:
    """When the newest entry of the blocks up to this seal happened."""
    statement = select(func.max(AuditSeal.newest_at)).where(AuditSeal.number <= number)
    return await session.scalar(statement)


async def last_older_than(session: AsyncSession, moment: datetime) -> int:
    """The last seal before the first that holds an entry of `moment` or later."""
    first = select(func.min(AuditSeal.number)).where(AuditSeal.newest_at >= moment)
    last = select(func.max(AuditSeal.number))
    statement = select(func.coalesce(first.scalar_subquery() - 1, last.scalar_subquery(), 0))
    return await session.scalar(statement) or 0


async def drop_entries(session: AsyncSession, after: int, through: int) -> int:
    """Delete the entries of these blocks; the database refuses those younger than half a year."""
    return await session.scalar(select(func.drop_audit_entries(after, through))) or 0


async def stray_entry(session: AsyncSession) -> UUID | None:
    """The first entry that the service did not write."""
    found: UUID | None = await session.scalar(STRAY)
    return found


async def missing_entry(session: AsyncSession) -> UUID | None:
    """The first that waits for its seal and is not there any more."""
    is_there = select(AuditEntry.id).where(AuditEntry.id == UnsealedEntry.entry_id).exists()
    statement = select(UnsealedEntry.entry_id).where(~is_there)
    return await session.scalar(statement.order_by(UnsealedEntry.entry_id).limit(1))


async def waiting_since(session: AsyncSession) -> tuple[int, datetime | None]:
    """How many entries have no seal yet, and when the first of them happened."""
    statement = select(func.count(), func.min(AuditEntry.happened_at)).join_from(
        UnsealedEntry, AuditEntry, UnsealedEntry.entry_id == AuditEntry.id
    )
    count, since = (await session.execute(statement)).one()
    return count, since
