"""The three pools as the index reads them: whose records, in which states, as which candidates."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements import repository as achievements
from app.achievements.models import AchievementState
from app.changes.repository import ChangeRow
from app.clock import last_year_began_at
from app.demands import repository as demands
from app.demands.models import Demand
from app.demands.workflow import SOUGHT
from app.experts import repository as experts
from app.experts.models import ExpertState
from app.matches.index import repository
from app.matches.index.documents import (
    candidate_of_achievement,
    candidate_of_demand,
    candidate_of_expert,
    query_of_demand,
)
from app.matches.index.leaving import Leaving
from app.matches.models import Pool
from app.queries import batches
from matching import Candidate, Query

# The first word of the changes that concern a pool's records.
SUBJECT_OF_POOL = {
    Pool.EXPERTS: "expert",
    Pool.DEMANDS: "demand",
    Pool.ACHIEVEMENTS: "achievement",
}
# And of those of whom a demand is.
OWNER = "organization"


def followed(pool: Pool) -> Sequence[str]:
    """The first words of the changes that `concerned` looks at."""
    return (SUBJECT_OF_POOL[pool], *([OWNER] if pool is Pool.DEMANDS else []))


def subjects(rows: Sequence[ChangeRow], pool: Pool) -> list[UUID]:
    """The ids of the pool's records among the changes."""
    kind = SUBJECT_OF_POOL[pool]
    return sorted({row.subject_id for row in rows if row.kind.partition(".")[0] == kind})


async def concerned(session: AsyncSession, rows: Sequence[ChangeRow], pool: Pool) -> Sequence[UUID]:
    """The ids of the pool's records that are other candidates since the changes.

    A demand is one of its organization's, whose name an employer may have.
    """
    ids = subjects(rows, pool)
    if pool is not Pool.DEMANDS:
        return ids
    owners = sorted({row.subject_id for row in rows if row.kind.startswith(f"{OWNER}.")})
    for batch in batches(owners):
        ids += await repository.demands_of(session, batch)
    return sorted(set(ids))


async def load(session: AsyncSession, pool: Pool, ids: Sequence[UUID]) -> list[Candidate]:
    """Those of the ids that belong to the pool now, as candidates."""
    found: list[Candidate] = []
    for batch in batches(ids):
        found += await LOADERS[pool](session, batch)
        session.expunge_all()
    return found


async def load_all(session: AsyncSession, pool: Pool) -> list[Candidate]:
    return await load(session, pool, await repository.member_ids(session, pool))


async def encodable(
    session: AsyncSession, pool: Pool, found: Sequence[Candidate], leaving: Leaving
) -> Sequence[Candidate]:
    """Those of the candidates whose texts the encoder may have."""
    if not leaving.limits_encoding(pool):
        return found
    by_id = {UUID(candidate.candidate_id): candidate for candidate in found}
    return [by_id[one] for one in await leaving.encodable(session, pool, list(by_id))]


async def queries(
    session: AsyncSession, read: Callable[[Demand], Query] = query_of_demand
) -> list[Query]:
    """All published demands: the queries that every pool's statistics are for."""
    found: list[Query] = []
    for batch in batches(await repository.member_ids(session, Pool.DEMANDS)):
        found += (await queries_by_id(session, batch, read)).values()
        session.expunge_all()
    return sorted(found, key=lambda query: query.text)


async def queries_by_id(
    session: AsyncSession,
    demand_ids: Sequence[UUID],
    read: Callable[[Demand], Query] = query_of_demand,
) -> dict[UUID, Query]:
    """Those of the demands that are published, as queries.

    What an enterprise has not handed in, or has taken back, goes to no encoder.
    """
    found = await demands.find_many(session, demand_ids)
    return {d.id: read(d) for d in found if d.state in SOUGHT}


async def _load_experts(session: AsyncSession, ids: Sequence[UUID]) -> list[Candidate]:
    invitations = await experts.invitations_of(session, ids, since=last_year_began_at())
    return [
        candidate_of_expert(expert, invitations.get(expert.id, ()))
        for expert in await experts.find_many(session, ids)
        if expert.state is ExpertState.IN_POOL
    ]


async def _load_demands(session: AsyncSession, ids: Sequence[UUID]) -> list[Candidate]:
    found = await demands.find_many(session, ids)
    return [candidate_of_demand(d) for d in found if d.state in SOUGHT]


async def _load_achievements(session: AsyncSession, ids: Sequence[UUID]) -> list[Candidate]:
    found = await achievements.find_many(session, ids)
    is_member = AchievementState.PUBLISHED
    return [candidate_of_achievement(a) for a in found if a.state is is_member]


LOADERS = {
    Pool.EXPERTS: _load_experts,
    Pool.DEMANDS: _load_demands,
    Pool.ACHIEVEMENTS: _load_achievements,
}
