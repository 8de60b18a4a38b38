"""Matching in the other directions: demands for an expert, like demands, achievements."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements import repository as achievements
from app.demands import access as demand_access
from app.demands import operations as demand_operations
from app.demands import repository as demands
from app.demands.models import Demand
from app.demands.schemas import PublicDemand
from app.experts import operations as expert_operations
from app.interface.errors import Conflict, Forbidden
from app.interface.language import Text
from app.matches import operations, presentation
from app.matches.access import may_look_for_demands
from app.matches.index.documents import facts_of_expert, query_of_demand, query_of_expert
from app.matches.index.ranking import Matcher
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
    conflicting = facts_of_expert(expert, engagements=0).organizations
    ranking = await matcher.rank(
        session,
        Pool.DEMANDS,
        query_of_expert(expert),
        constraints=Constraints(organizations=conflicting),
        limit=limit,
        may_encode=expert.is_external_encoding_allowed or not matcher.encodes_by_consent,
    )
    return await _show_demands(session, actor, ranking)


async def similar_demands(
    session: AsyncSession, actor: Actor, matcher: Matcher, demand_id: UUID, limit: int
) -> list[DemandMatch]:
    """Published demands that ask for much the same as this one."""
    demand = await operations.demand_of_staff(session, actor, demand_id)
    _require_no_secret(demand)
    ranking = await matcher.rank(
        session,
        Pool.DEMANDS,
        query_of_demand(demand),
        constraints=Constraints(excluded={str(demand.id): "itself"}),
        limit=limit,
    )
    return await _show_demands(session, actor, ranking)


async def achievements_for_demand(
    session: AsyncSession, actor: Actor, matcher: Matcher, demand_id: UUID, limit: int
) -> list[AchievementMatch]:
    """Published achievements that may solve a demand; its enterprise may ask, too."""
    demand = await demand_operations.get_in_full(session, actor, demand_id)
    _require_no_secret(demand)
    ranking = await matcher.rank(session, Pool.ACHIEVEMENTS, query_of_demand(demand), limit=limit)
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


def _require_no_secret(demand: Demand) -> None:
    """The text of a confidential draft goes to no encoder."""
    if demand.is_confidential:
        raise Conflict(Text("涉密需求不予匹配", "Secrets are not matched"))


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
