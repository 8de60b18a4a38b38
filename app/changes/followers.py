"""Followers that read the changes by jobs, and keep in the database how far they have come.

What a follower does with the changes and how far it has read are one transaction: a job that is
killed has neither lost changes nor done anything of them.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import repository
from app.changes.models import Follower
from app.changes.repository import ChangeRow, EpochEnded, Position

# After a restore nobody can tell which of the latest changes were read, so they come again.
READ_AGAIN = 1_000


async def next_changes(
    session: AsyncSession, name: str, *, records: Sequence[str]
) -> Sequence[ChangeRow]:
    """The next changes that the follower has not read; the session's commit keeps that.

    10,000 at most, save after a restore. A new follower begins with what comes after it. Another
    job of the same follower waits until the session's transaction ends. Of a restored database
    the last thousand come twice, so what is done of a change has to know it by its id.

    records: the first words of the kinds that the follower cares for.
    """
    follower = await session.get(Follower, name, with_for_update=True)
    if follower is None:
        await _begin(session, name)
        return []
    position = Position(
        epoch=follower.epoch,
        oldest=follower.oldest,
        seen=frozenset((transaction, change) for transaction, change in follower.seen),
    )
    try:
        rows, position = await repository.read_since(session, position, records=records)
    except EpochEnded:
        position = await repository.position_now(session)
        rows = await repository.since_id(session, follower.latest_id - READ_AGAIN, records)
    _keep(follower, position, max((row.id for row in rows), default=follower.latest_id))
    return rows


async def _begin(session: AsyncSession, name: str) -> None:
    """Of two that begin at the same moment one fails, and is tried again."""
    position = await repository.position_now(session)
    follower = Follower(name=name)
    _keep(follower, position, await repository.latest_id(session))
    session.add(follower)
    await session.flush()


def _keep(follower: Follower, position: Position, latest_id: int) -> None:
    follower.epoch, follower.oldest = position.epoch, position.oldest
    follower.seen = [list(pair) for pair in sorted(position.seen)]
    follower.latest_id = latest_id
