"""Matching in the other directions: demands for an expert, like demands, achievements."""

from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements import repository as achievements
from app.demands import access as demand_access
from app.demands import operations as demand_operations
from app.demands import repository as demands
from app.demands.models import Demand, DemandState
from app.demands.schemas import PublicDemand
from app.demands.workflow import SOUGHT
from app.experts import operations as expert_operations
from app.interface.errors import Conflict, Forbidden, WrongState
from app.interface.language import Text
from app.matches import operations, presentation
from app.matches.access import may_look_for_demands
from app.matches.constraints import conflicts_of_expert
from app.matches.index.documents import query_of_demand, query_of_expert
from app.matches.index.ranking import NO_CONSTRAINTS, Matcher
from app.matches.index.reranking import RERANKED
from app.matches.models import Pool
from app.matches.schemas import AchievementMatch, DemandMatch, MatchedAchievement
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed
from matching import Constraints, Ranking


async def demands_for_expert(
    session: AsyncSession, actor: Actor, matcher: Matcher, expert_id: UUID, limit: int
) -> list[DemandMatch]:
    """Published demands that suit an expert, for the expert and the staff."""
    expert = await expert_operations.get(session, actor, expert_id)
    if not may_look_for_demands(actor, expert):
        raise Forbidden()
    conflicting = await conflicts_of_expert(session, expert, are_confirmed=not actor.is_staff)
    rank = partial(
        matcher.rank,
        session,
        Pool.DEMANDS,
        query_of_expert(expert),
        limit=limit,
        may_leave=matcher.leaving.allows(expert),
    )
    constraints = Constraints(organizations=conflicting)
    if actor.is_staff:
        # All whom a second opinion could move into the first places.
        most = max(limit, RERANKED)
        kept_out = await rank(constraints=constraints, limit=most, asks_reranker=False)
        constraints = await _known_conflicts(session, actor, kept_out)
    ranking = await rank(constraints=constraints)
    return await _show_demands(session, actor, ranking)


async def _known_conflicts(session: AsyncSession, actor: Actor, ranking: Ranking) -> Constraints:
    """Of the demands that a conflict kept out, those of which the actor may know whose they are.

    What is missing tells it, and staff may enter experts with whatever employers and conflicts.
    Where whose it is stays unknown, the demand's own staff are told of the conflict.
    """
    kept_out = await demands.find_many(session, [UUID(e.candidate_id) for e in ranking.exclusions])
    known = [demand for demand in kept_out if demand_access.may_read_in_full(actor, demand)]
    return Constraints(excluded={str(demand.id): "organization_conflict" for demand in known})


async def similar_demands(
    session: AsyncSession, actor: Actor, matcher: Matcher, demand_id: UUID, limit: int
) -> list[DemandMatch]:
    """Published demands that ask for much the same as this one."""
    demand = await operations.demand_of_staff(session, actor, demand_id)
    ranking = await _rank_for_demand(
        session,
        matcher,
        Pool.DEMANDS,
        demand,
        constraints=Constraints(excluded={str(demand.id): "itself"}),
        limit=limit,
    )
    return await _show_demands(session, actor, ranking)


async def achievements_for_demand(
    session: AsyncSession, actor: Actor, matcher: Matcher, demand_id: UUID, limit: int
) -> list[AchievementMatch]:
    """Published achievements that may solve a demand; its enterprise may ask, too."""
    demand = await demand_operations.get_in_full(session, actor, demand_id)
    ranking = await _rank_for_demand(session, matcher, Pool.ACHIEVEMENTS, demand, limit=limit)
    ids = [UUID(ranked.candidate_id) for ranked in ranking.matches]
    by_id = {str(a.id): a for a in await achievements.find_many(session, ids)}
    return [
        AchievementMatch(
            **presentation.explained(ranked, {ranked.candidate_id: found.name}),
            achievement=MatchedAchievement.model_validate(found),
        )
        for ranked in ranking.matches
        if (found := by_id.get(ranked.candidate_id)) is not None
    ]


async def _rank_for_demand(
    session: AsyncSession,
    matcher: Matcher,
    pool: Pool,
    demand: Demand,
    *,
    constraints: Constraints = NO_CONSTRAINTS,
    limit: int,
) -> Ranking:
    """Rank for a demand in any state; only what is published leaves this machine or a trace."""
    _require_comparable(demand)
    is_published = demand.state in SOUGHT
    return await matcher.rank(
        session,
        pool,
        query_of_demand(demand),
        constraints=constraints,
        limit=limit,
        may_leave=is_published,
        keeps_vector=is_published,
    )


def _require_comparable(demand: Demand) -> None:
    """Secrets are compared with nothing, nor is what was refused, which may be for secrets."""
    if demand.is_confidential:
        raise Conflict(Text("涉密需求不予匹配", "Secrets are not matched"))
    if demand.state is DemandState.REFUSED:
        allowed = sorted(set(DemandState) - {DemandState.REFUSED})
        raise WrongState(verb="match", state=demand.state, allowed=allowed)


async def _show_demands(session: AsyncSession, actor: Actor, ranking: Ranking) -> list[DemandMatch]:
    ids = [UUID(ranked.candidate_id) for ranked in ranking.matches]
    async with borrowed(session, Scope.INDEX):  # an expert reads no other list of demands
        by_id = {str(d.id): d for d in await demands.find_many(session, ids)}
    found = [(r, by_id[r.candidate_id]) for r in ranking.matches if r.candidate_id in by_id]
    return [
        DemandMatch(
            **presentation.explained(ranked, {ranked.candidate_id: demand.title}),
            demand=PublicDemand.of(
                demand, allowed_actions=demand_access.allowed_actions(actor, demand)
            ),
        )
        for ranked, demand in found
    ]
