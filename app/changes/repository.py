"""Read the changes once each, in spite of transactions that commit out of order.

A transaction with a smaller number may commit after one with a larger number, so "everything
after the last id I saw" would lose its changes. Reading only below the oldest transaction still
running (`pg_snapshot_xmin`) loses nothing, but one long import would hold back everybody's news.
So a follower reads all that it can see from its last xmin on, and remembers which of those
it has had: nothing is lost, nothing comes twice, and nothing waits.

A restored database numbers its transactions anew (see `epochs`), so a position names its epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes.models import Change

BATCH = 10_000

# The timeline changes when a physical backup is brought back, or a standby takes over.
NOW = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
           concat_ws('/',
               (SELECT id FROM epochs ORDER BY number DESC LIMIT 1),
               (SELECT timeline_id FROM pg_control_checkpoint())
           ) AS epoch
"""
# One statement has one snapshot, so what it calls running and what it shows agree.
ALL = text(
    f"""
    SELECT snapshot.oldest, snapshot.epoch, change.transaction_id::text::bigint, change.id
    FROM ({NOW}) AS snapshot
    LEFT JOIN changes AS change
        ON change.transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
    """
)
SINCE = text(
    f"""
    SELECT snapshot.oldest, snapshot.epoch, found.*
    FROM ({NOW}) AS snapshot
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


class EpochEnded(Exception):
    """The position is of another life of the database: the follower has to begin anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a follower has read: all transactions below `oldest`, and of the others `seen`.

    `seen` holds pairs of transaction and change id. Without an epoch it is the beginning.
    """

    epoch: str = ""
    oldest: int = 0
    seen: frozenset[tuple[int, int]] = frozenset()


async def position_now(session: AsyncSession) -> Position:
    """The position of a follower that is about to read the tables themselves, in full.

    Take it before reading: what commits meanwhile is then read again as a change. What is committed
    already counts as read, also while an older transaction goes on for long.
    """
    found = (await session.execute(ALL)).all()
    seen = frozenset((int(row.transaction_id), row.id) for row in found if row.id is not None)
    return Position(epoch=found[0].epoch, oldest=int(found[0].oldest), seen=seen)


async def present(session: AsyncSession) -> Position:
    """Where the record stands now, for who compares and reads nothing."""
    found = (await session.execute(text(NOW))).one()
    return Position(epoch=found.epoch, oldest=found.oldest)


async def own_transaction(session: AsyncSession) -> int:
    """The number under which the session's changes stand in the record."""
    statement = text("SELECT pg_current_xact_id()::text::bigint")
    return int(await session.scalar(statement) or 0)


async def read_since(
    session: AsyncSession, position: Position, *, records: Sequence[str] | None = None
) -> tuple[Sequence[ChangeRow], Position]:
    """The next changes (10,000 at most) and the position after them.

    records: the first words of the kinds that the follower cares for; None for all.

    Raises EpochEnded when the database has been restored since the position was taken.
    """
    seen = [change_id for _, change_id in position.seen]
    wanted = None if records is None else list(records)
    asked = {"oldest": str(position.oldest), "seen": seen, "records": wanted, "batch": BATCH}
    found = (await session.execute(SINCE, asked)).all()
    oldest, epoch = int(found[0].oldest), str(found[0].epoch)
    if position.epoch not in ("", epoch):
        raise EpochEnded()
    rows = [ChangeRow(*row[2:]) for row in found if row.id is not None]
    if may_be_more(rows):
        oldest = min(oldest, rows[-1].transaction_id)
    return rows, _advanced(position, rows, epoch=epoch, oldest=oldest)


async def since_id(
    session: AsyncSession, latest_id: int, records: Sequence[str]
) -> Sequence[ChangeRow]:
    """All changes of these records with a greater id, whatever transactions they are of."""
    record = func.split_part(Change.kind, ".", 1)
    statement = select(Change.id, Change.transaction_id, Change.kind, Change.subject_id)
    statement = statement.where(Change.id > latest_id, record.in_(records)).order_by(Change.id)
    return [ChangeRow(*row) for row in await session.execute(statement)]


async def latest_id(session: AsyncSession) -> int:
    """The greatest id of a change; 0 without any."""
    return await session.scalar(select(func.max(Change.id))) or 0


def may_be_more(rows: Sequence[ChangeRow]) -> bool:
    """Whether `read_since` gave all that it gives at once."""
    return len(rows) == BATCH


def _advanced(
    position: Position, rows: Sequence[ChangeRow], *, epoch: str, oldest: int
) -> Position:
    """Only changes of transactions at or after `oldest` can be met again."""
    met = position.seen | {(row.transaction_id, row.id) for row in rows}
    seen = frozenset(key for key in met if key[0] >= oldest)
    return Position(epoch=epoch, oldest=oldest, seen=seen)


async def records_between(session: AsyncSession, after_id: int, last_id: int) -> set[str]:
    """The first words of the kinds of the changes after one id, up to another one."""
    record = func.split_part(Change.kind, ".", 1)
    between = select(record).where(Change.id > after_id, Change.id <= last_id).distinct()
    return set(await session.scalars(between))
