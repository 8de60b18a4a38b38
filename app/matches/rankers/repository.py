"""Every SELECT on rankers, and on the verdicts that they learn from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.models import Judgment, MatchRun, RankerState, StoredRanker, Verdict
from app.matches.repository import IS_GRADED, standing_judgments

# Written once, as every match asks.
IN_FORCE = select(StoredRanker).where(StoredRanker.state == RankerState.IN_FORCE)
# The latest: more of them change weights by little, and take the worker's memory.
MOST_VERDICTS = 20_000


class JudgedRow(NamedTuple):
    """What was said last of an expert for a demand, with the features as they were shown."""

    demand_id: UUID
    expert_id: UUID
    verdict: Verdict
    features: dict[str, Any]


async def take_turn(session: AsyncSession) -> None:
    """Wait until no other transaction changes the rankers; the turn ends with this one."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('rankers'))"))


async def in_force(session: AsyncSession) -> StoredRanker:
    """There is exactly one at any time."""
    return (await session.scalars(IN_FORCE)).one()


async def find(session: AsyncSession, ranker_id: UUID) -> StoredRanker | None:
    return await session.get(StoredRanker, ranker_id)


def listed() -> Select[StoredRanker]:
    return select(StoredRanker)


async def newest(session: AsyncSession) -> StoredRanker:
    """The one with the highest number."""
    statement = select(StoredRanker).order_by(StoredRanker.number.desc()).limit(1)
    return (await session.scalars(statement)).one()


async def judged(session: AsyncSession, encoder: str) -> Sequence[JudgedRow]:
    """The standing verdicts on what was shown under an encoder, wherever the demands lie.

    Ask it in the scope of the index.
    """
    latest = (
        standing_judgments(IS_GRADED).add_columns(Judgment.features, MatchRun.encoder).subquery()
    )
    found = select(latest.c.demand_id, latest.c.expert_id, latest.c.verdict, latest.c.features)
    newest_first = found.order_by(latest.c.created_at.desc(), latest.c.expert_id)
    rows = await session.execute(
        newest_first.where(latest.c.encoder == encoder).limit(MOST_VERDICTS)
    )
    return [JudgedRow(*row) for row in rows]


async def last_judged_at(session: AsyncSession) -> datetime | None:
    return await session.scalar(select(func.max(Judgment.created_at)).where(IS_GRADED))
