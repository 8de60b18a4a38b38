"""Whether the chain of seals holds and, if not, from which entry on."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import chain, repository
from app.audit.models import AuditSeal
from app.audit.sealing import anchor_of
from app.scopes import Scope, Sessions, within

SEALS_AT_ONCE = 20
# The database refuses to delete what is younger, so a seal that says it was done lies.
YOUNGEST_DROPPED = timedelta(days=183)


class FaultKind(StrEnum):
    ENTRY_CHANGED = "entry_changed"
    ENTRY_MISSING = "entry_missing"
    ENTRY_INSERTED = "entry_inserted"
    SEAL_CHANGED = "seal_changed"
    SEAL_MISSING = "seal_missing"
    DROPPED_TOO_EARLY = "dropped_too_early"
    ANCHOR_MISSING = "anchor_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Where the log is not what was sealed: a seal's number, and an entry where one is known."""

    kind: FaultKind
    number: int | None = None
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found; everything before `fault` is as it was sealed."""

    fault: Fault | None = None
    seals: int = 0
    entries: int = 0
    dropped_through: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None
    anchor: str | None = None

    @property
    def holds(self) -> bool:
        return self.fault is None


async def verify(sessions: Sessions, *, anchor: str | None = None) -> Verdict:
    """Read the whole log, as it is at one moment, and stop at the first fault.

    anchor: a seal as it was noted outside of the database, "17:9f86…"; the chain must hold it.
    """
    async with within(sessions, Scope.AUDIT)() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        verdict = await _verify_chain(session)
        if verdict.holds:
            verdict = replace(verdict, fault=await _fault_outside(session, anchor))
        count, since = await repository.waiting_since(session)
        return replace(verdict, waiting=count, waiting_since=since)


async def _verify_chain(session: AsyncSession) -> Verdict:
    last = await repository.last_seal(session)
    verdict = Verdict(dropped_through=last.dropped_through if last else 0)
    previous: AuditSeal | None = None
    while seals := await repository.next_seals(session, verdict.seals, SEALS_AT_ONCE):
        for seal in seals:
            fault = await fault_of(session, seal, previous, verdict.dropped_through)
            if fault is not None:
                return replace(verdict, fault=fault)
            verdict = replace(
                verdict,
                seals=seal.number,
                entries=verdict.entries + len(seal.entry_ids),
                anchor=anchor_of(seal),
            )
            previous = seal
        session.expunge_all()
    return verdict


async def fault_of(
    session: AsyncSession, seal: AuditSeal, previous: AuditSeal | None, dropped_through: int
) -> Fault | None:
    """What is wrong with a seal or the entries under it.

    `previous` is the seal of the number before; `dropped_through` what the last seal says.
    """
    first = seal.entry_ids[0] if seal.entry_ids else None
    if (previous.number if previous else 0) + 1 != seal.number:
        return Fault(kind=FaultKind.SEAL_MISSING, number=seal.number - 1, entry_id=first)
    linked = previous.hash if previous else chain.GENESIS
    if seal.previous_hash != linked or seal.hash != chain.hash_of(seal):
        return Fault(kind=FaultKind.SEAL_CHANGED, number=seal.number, entry_id=first)
    dropped_before = previous.dropped_through if previous else 0
    if seal.dropped_through != dropped_before and not await _was_old(session, seal, dropped_before):
        return Fault(kind=FaultKind.DROPPED_TOO_EARLY, number=seal.number)
    if seal.number <= dropped_through:
        return None
    return await _fault_among_entries(session, seal)


async def _was_old(session: AsyncSession, seal: AuditSeal, dropped_before: int) -> bool:
    """Whether all that this seal calls dropped was old enough then, and came before it."""
    newest = await repository.newest_through(session, seal.dropped_through)
    is_forward = dropped_before < seal.dropped_through < seal.number
    return is_forward and newest is not None and newest <= seal.sealed_at - YOUNGEST_DROPPED


async def _fault_among_entries(session: AsyncSession, seal: AuditSeal) -> Fault | None:
    found = await repository.stored_entries(session, seal.entry_ids)
    for entry_id, digest in chain.sealed_digests(seal):
        entry = found.get(entry_id)
        if entry is None:
            return Fault(kind=FaultKind.ENTRY_MISSING, number=seal.number, entry_id=entry_id)
        if chain.digest_of(entry) != digest:
            return Fault(kind=FaultKind.ENTRY_CHANGED, number=seal.number, entry_id=entry_id)
    return None


async def _fault_outside(session: AsyncSession, anchor: str | None) -> Fault | None:
    """What the chain itself cannot show: entries beside it, and an end that was cut off."""
    if (entry_id := await repository.stray_entry(session)) is not None:
        return Fault(kind=FaultKind.ENTRY_INSERTED, entry_id=entry_id)
    if (entry_id := await repository.missing_entry(session)) is not None:
        return Fault(kind=FaultKind.ENTRY_MISSING, entry_id=entry_id)
    if anchor is None:
        return None
    number = int(anchor.partition(":")[0])
    seal = await repository.find_seal(session, number)
    if seal is None or anchor_of(seal) != anchor:
        return Fault(kind=FaultKind.ANCHOR_MISSING, number=number)
    return None
