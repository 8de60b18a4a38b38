"""Seals: committed entries are linked, block by block, so that none is changed unnoticed.

Entries that wait for their seal stand in a table of their own, written with them in one
statement. So writers wait for nobody, an entry is sealed after its commit whatever the order of
commits, and a restored database, which numbers its transactions anew, goes on where it was.
"""

import logging
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import chain, repository
from app.audit.models import AuditSeal
from app.clock import now
from app.scopes import Scope, Sessions, within
from app.scrubbing import Plain

logger = logging.getLogger(__name__)


BLOCK = 1_000  # entries


async def seal_waiting(sessions: Sessions) -> int:
    """Seal what waits, each block in a transaction of its own; returns how many entries.

    A block that is not full is the last: what comes meanwhile waits for the next time.

    The hash of each seal goes to the log: outside of the database it proves that the chain's
    end was not cut off.
    """
    sessions, count = within(sessions, Scope.AUDIT), 0
    while True:
        async with sessions.begin() as session:
            seal = await _seal_block(session)
        if seal is None:
            return count
        _announce(seal)
        count += len(seal.entry_ids)
        if len(seal.entry_ids) < BLOCK:
            return count


async def drop_old(sessions: Sessions, older_than: timedelta) -> int:
    """Drop whole blocks that are older; a new seal says so. Returns how many entries went."""
    async with within(sessions, Scope.AUDIT).begin() as session:
        await repository.lock_seals(session)
        last = await repository.last_seal(session)
        through = await repository.last_older_than(session, now() - older_than)
        if last is None or through <= last.dropped_through:
            return 0
        count = await repository.drop_entries(session, last.dropped_through, through)
        seal = await _seal_block(session, dropped_through=through)
    if seal is not None:
        _announce(seal)
    return count


def anchor_of(seal: AuditSeal) -> str:
    """What to keep outside of the database: the seal's number and hash."""
    return f"{seal.number}:{seal.hash.hex()}"


def _announce(seal: AuditSeal) -> None:
    logger.info("audit seal %s over %d entries", Plain(anchor_of(seal)), len(seal.entry_ids))


async def _seal_block(
    session: AsyncSession, *, dropped_through: int | None = None
) -> AuditSeal | None:
    """The next seal; None when nothing waits and nothing was dropped."""
    await repository.lock_seals(session)
    entries = await repository.waiting(session, BLOCK)
    if not entries and dropped_through is None:
        return None
    seal = chain.link(await repository.last_seal(session), entries, dropped_through)
    session.add(seal)
    await repository.stop_waiting(session, seal.entry_ids)
    return seal
