"""Read the changes once each, in spite of transactions that commit out of order.

A transaction with a smaller number may commit after one with a larger number, so "everything
after the last id I saw" would lose its changes. Reading only below the oldest transaction still
running (`pg_snapshot_xmin`) loses nothing, but one long import would hold back everybody's news.
So a follower reads all that it can see from its last xmin on, and remembers which of those
it has had: nothing is lost, nothing comes twice, and nothing waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

BATCH = 10_000

SINCE = text(
    """
    SELECT id, transaction_id::text::bigint AS transaction_id, kind, subject_id
    FROM changes
    WHERE transaction_id >= CAST(CAST(:oldest AS text) AS xid8)
      AND NOT id = ANY(CAST(:seen AS bigint[]))
    ORDER BY transaction_id, id
    LIMIT :batch
    """
)


class ChangeRow(NamedTuple):
    id: int
    transaction_id: int
    kind: str
    subject_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a follower has read: all transactions below `oldest`, and of the others `seen`.

    `seen` holds pairs of transaction and change id.
    """

    oldest: int = 0
    seen: frozenset[tuple[int, int]] = frozenset()


async def position_now(session: AsyncSession) -> Position:
    """The position of a follower that is about to read the tables themselves, in full.

    Take it before reading: what commits meanwhile is then read again as a change.
    """
    return Position(oldest=await _oldest_running(session))


async def read_since(
    session: AsyncSession, position: Position
) -> tuple[Sequence[ChangeRow], Position]:
    """The next changes (10,000 at most) and the position after them."""
    oldest = await _oldest_running(session)
    seen = [change_id for _, change_id in position.seen]
    found = await session.execute(
        SINCE, {"oldest": str(position.oldest), "seen": seen, "batch": BATCH}
    )
    rows = [ChangeRow(*row) for row in found]
    if len(rows) == BATCH:
        return rows, _advanced(position, rows, oldest=min(oldest, rows[-1].transaction_id))
    return rows, _advanced(position, rows, oldest=oldest)


async def _oldest_running(session: AsyncSession) -> int:
    """The number of the oldest transaction that may still commit changes."""
    statement = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    return int(await session.scalar(statement) or 0)


def _advanced(position: Position, rows: Sequence[ChangeRow], *, oldest: int) -> Position:
    """Only changes of transactions at or after `oldest` can be met again."""
    met = position.seen | {(row.transaction_id, row.id) for row in rows}
    return Position(oldest=oldest, seen=frozenset(key for key in met if key[0] >= oldest))
