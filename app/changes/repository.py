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

# One statement has one snapshot, so what it calls running and what it shows agree.
SINCE = text(
    """
    SELECT snapshot.oldest, found.*
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest) AS snapshot
    LEFT JOIN LATERAL (
        SELECT change.id, change.transaction_id::text::bigint, change.kind, change.subject_id
        FROM changes AS change
        WHERE change.transaction_id >= CAST(CAST(:oldest AS text) AS xid8)
          AND (
            CAST(:records AS text[]) IS NULL
            OR split_part(change.kind, '.', 1) = ANY(CAST(:records AS text[]))
          )
          AND NOT change.id = ANY(CAST(:seen AS bigint[]))
        ORDER BY change.transaction_id, change.id
        LIMIT :batch
    ) AS found ON true
    ORDER BY found.transaction_id, found.id
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
    statement = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    return Position(oldest=int(await session.scalar(statement) or 0))


async def read_since(
    session: AsyncSession, position: Position, *, records: Sequence[str] | None = None
) -> tuple[Sequence[ChangeRow], Position]:
    """The next changes (10,000 at most) and the position after them.

    records: the first words of the kinds that the follower cares for; None for all.
    """
    seen = [change_id for _, change_id in position.seen]
    wanted = None if records is None else list(records)
    asked = {"oldest": str(position.oldest), "seen": seen, "records": wanted, "batch": BATCH}
    found = (await session.execute(SINCE, asked)).all()
    oldest = int(found[0].oldest)
    rows = [ChangeRow(*row[1:]) for row in found if row.id is not None]
    if may_be_more(rows):
        return rows, _advanced(position, rows, oldest=min(oldest, rows[-1].transaction_id))
    return rows, _advanced(position, rows, oldest=oldest)


def may_be_more(rows: Sequence[ChangeRow]) -> bool:
    """Whether `read_since` gave all that it gives at once."""
    return len(rows) == BATCH


def _advanced(position: Position, rows: Sequence[ChangeRow], *, oldest: int) -> Position:
    """Only changes of transactions at or after `oldest` can be met again."""
    met = position.seen | {(row.transaction_id, row.id) for row in rows}
    return Position(oldest=oldest, seen=frozenset(key for key in met if key[0] >= oldest))
