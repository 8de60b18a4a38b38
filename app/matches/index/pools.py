"""The three pools as the index reads them: whose records, in which states, as which candidates."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements import repository as achievements
from app.achievements.models import Achievement, AchievementState
from app.changes.repository import ChangeRow
from app.demands import repository as demands
from app.demands.models import Demand, DemandState
from app.experts import repository as experts
from app.experts.models import Expert, ExpertState
from app.matches import repository
from app.matches.calendar import year_began_at
from app.matches.index.documents import (
    candidate_of_achievement,
    candidate_of_demand,
    candidate_of_expert,
    query_of_demand,
)
from app.matches.models import Match, Pool, Verdict
from matching import Candidate

# The first word of the changes that concern a pool's records.
SUBJECT_OF_POOL = {
    Pool.EXPERTS: "expert",
    Pool.DEMANDS: "demand",
    Pool.ACHIEVEMENTS: "achievement",
}
MEMBERS = {
    Pool.EXPERTS: (Expert, Expert.state == ExpertState.IN_POOL),
    Pool.DEMANDS: (Demand, Demand.state == DemandState.PUBLISHED),
    Pool.ACHIEVEMENTS: (Achievement, Achievement.state == AchievementState.PUBLISHED),
}
BATCH = 1_000


def subjects(rows: Sequence[ChangeRow], pool: Pool) -> list[UUID]:
    """The ids of the pool's records among the changes."""
    kind = SUBJECT_OF_POOL[pool]
    return sorted({row.subject_id for row in rows if row.kind.partition(".")[0] == kind})


async def member_ids(session: AsyncSession, pool: Pool) -> Sequence[UUID]:
    """The ids of all records that belong to the pool now, in a fixed order."""
    table, is_member = MEMBERS[pool]
    return (await session.scalars(select(table.id).where(is_member).order_by(table.id))).all()


async def load(session: AsyncSession, pool: Pool, ids: Sequence[UUID]) -> list[Candidate]:
    """Those of the ids that belong to the pool now, as candidates."""
    found: list[Candidate] = []
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        found += await LOADERS[pool](session, batch)
        session.expunge_all()
    return found


async def load_all(session: AsyncSession, pool: Pool) -> list[Candidate]:
    return await load(session, pool, await member_ids(session, pool))


async def count(session: AsyncSession, pool: Pool) -> int:
    table, is_member = MEMBERS[pool]
    return await session.scalar(select(func.count(table.id)).where(is_member)) or 0


async def query_texts(session: AsyncSession) -> list[str]:
    """The texts of all published demands: the queries that centre the spaces of every pool."""
    texts: list[str] = []
    ids = await member_ids(session, Pool.DEMANDS)
    for start in range(0, len(ids), BATCH):
        texts += await query_texts_of(session, ids[start : start + BATCH])
        session.expunge_all()
    return sorted(texts)


async def query_texts_of(session: AsyncSession, demand_ids: Sequence[UUID]) -> list[str]:
    """The texts, as queries, of those of the demands that are published.

    What an enterprise has not handed in, or has taken back, goes to no encoder.
    """
    found = await demands.find_many(session, demand_ids)
    return [query_of_demand(d).text for d in found if d.state is DemandState.PUBLISHED]


async def _load_experts(session: AsyncSession, ids: Sequence[UUID]) -> list[Candidate]:
    engagements = await engagements_of(session, ids)
    return [
        candidate_of_expert(expert, engagements=engagements.get(expert.id, 0))
        for expert in await experts.find_many(session, ids)
        if expert.state is ExpertState.IN_POOL
    ]


async def _load_demands(session: AsyncSession, ids: Sequence[UUID]) -> list[Candidate]:
    found = await demands.find_many(session, ids)
    return [candidate_of_demand(d) for d in found if d.state is DemandState.PUBLISHED]


async def _load_achievements(session: AsyncSession, ids: Sequence[UUID]) -> list[Candidate]:
    found = await achievements.find_many(session, ids)
    is_member = AchievementState.PUBLISHED
    return [candidate_of_achievement(a) for a in found if a.state is is_member]


LOADERS = {
    Pool.EXPERTS: _load_experts,
    Pool.DEMANDS: _load_demands,
    Pool.ACHIEVEMENTS: _load_achievements,
}


async def engagements_of(session: AsyncSession, expert_ids: Iterable[UUID]) -> dict[UUID, int]:
    """For how many demands each expert stands recommended since the year began."""
    latest = repository.standing_judgments(Match.expert_id.in_(list(expert_ids))).subquery()
    rows = await session.execute(
        select(latest.c.expert_id, func.count())
        .where(latest.c.verdict == Verdict.RECOMMENDED, latest.c.created_at >= year_began_at())
        .group_by(latest.c.expert_id)
    )
    return {row[0]: row[1] for row in rows}
