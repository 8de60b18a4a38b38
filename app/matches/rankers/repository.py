"""Every SELECT on rankers, and on the verdicts that they learn from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.models import Judgment, Match, MatchRun, RankerState, StoredRanker, Verdict

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
    encoder: str
    created_at: datetime


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

    Ask it in the scope of the index. A rejection may tell of circumstances: what was said before
    it stands.
    """
    pair = (MatchRun.demand_id, Match.expert_id)
    is_rejection = Judgment.verdict == Verdict.REJECTED
    latest = (
        select(*pair, Judgment.verdict, Judgment.features, MatchRun.encoder, Judgment.created_at)
        .join(Match, Judgment.match_id == Match.id)
        .join(MatchRun, Match.run_id == MatchRun.id)
        .ext(distinct_on(*pair))
        .order_by(*pair, is_rejection, Judgment.created_at.desc(), Judgment.id.desc())
        .subquery()
    )
    of_encoder = select(latest).where(latest.c.encoder == encoder)
    newest_first = of_encoder.order_by(latest.c.created_at.desc(), latest.c.expert_id)
    rows = await session.execute(newest_first.limit(MOST_VERDICTS))
    return [JudgedRow(*row) for row in rows]


async def last_judged_at(session: AsyncSession) -> datetime | None:
    return await session.scalar(select(func.max(Judgment.created_at)))
