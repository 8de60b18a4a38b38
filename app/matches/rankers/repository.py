"""Every SELECT on rankers, and on the verdicts that they learn from."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, distinct, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.models import Judgment, MatchRun, RankerState, StoredRanker, Verdict
from app.matches.repository import IS_GRADED, standing_judgments
from matching.weights import FEATURES

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
    account_id: UUID | None


class Amount(NamedTuple):
    """How many verdicts there are on these features, of how many people and demands."""

    verdicts: int
    contrasted: int  # demands with both kinds of verdicts
    accounts: int
    features: list[str]


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


async def amount_judged(session: AsyncSession, encoder: str) -> Amount:
    """How much there is to learn from under an encoder, of the features that most were shown with.

    Ask it, as `judged`, in the scope of the index.
    """
    rows = _judged(encoder).subquery()
    is_suitable = rows.c.verdict != Verdict.UNSUITABLE
    demands, accounts = (
        func.count(distinct(column)) for column in (rows.c.demand_id, rows.c.account_id)
    )
    # Of a demand with both kinds both sides count it, and all of them once.
    contrasted = demands.filter(is_suitable) + demands.filter(~is_suitable) - demands
    shown = [rows.c.features.has_key(name).label(name) for name in FEATURES]
    alike = select(func.count(), contrasted, accounts, *shown).group_by(*FEATURES)
    found = (await session.execute(alike.order_by(func.count().desc(), *FEATURES).limit(1))).first()
    if found is None:
        return Amount(0, 0, 0, [])
    return Amount(found[0], found[1], found[2], list(compress(FEATURES, found[3:])))


async def judged(
    session: AsyncSession, encoder: str, features: Collection[str]
) -> Sequence[JudgedRow]:
    """The standing verdicts on what was shown under an encoder with just these features."""
    rows = _judged(encoder).subquery()
    alike = [rows.c.features.has_key(name).is_(name in features) for name in FEATURES]
    columns = [rows.c[name] for name in JudgedRow._fields]
    ordered = select(*columns).where(*alike).order_by(rows.c.demand_id, rows.c.expert_id)
    return [JudgedRow(*row) for row in await session.execute(ordered)]


def _judged(encoder: str) -> Select[Any]:
    """The latest of the standing verdicts on the fit, wherever the demands lie."""
    told = Judgment.features, Judgment.account_id, MatchRun.encoder
    latest = standing_judgments(IS_GRADED).add_columns(*told).subquery()
    newest_first = select(latest).order_by(latest.c.created_at.desc(), latest.c.expert_id)
    return newest_first.where(latest.c.encoder == encoder).limit(MOST_VERDICTS)


async def last_judged_at(session: AsyncSession) -> datetime | None:
    return await session.scalar(select(func.max(Judgment.created_at)).where(IS_GRADED))
