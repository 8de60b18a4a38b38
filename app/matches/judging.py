"""Coordinators' verdicts on matches: what people decide, kept with what they saw."""

from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import year_began_at
from app.demands import operations as demands
from app.demands.models import Demand, DemandState
from app.experts import repository as experts
from app.experts.models import ExpertState
from app.interface.errors import Conflict, WrongState, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.matches import presentation, repository
from app.matches.access import allowed_actions, may_judge, parties_of
from app.matches.models import Judgment, Match, Verdict
from app.matches.schemas import (
    Judging,
    JudgmentBody,
    JudgmentQuery,
    MatchBody,
    RecommendationQuery,
)
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed

NEED_REASON = frozenset({Verdict.UNSUITABLE, Verdict.REJECTED})


async def judge(session: AsyncSession, actor: Actor, match_id: UUID, data: Judging) -> JudgmentBody:
    """Keep a verdict with the features as shown; the latest one counts for the match."""
    match = await _get_judged(session, actor, match_id, is_for_update=True)
    demand = match.run.demand
    if demand.state is not DemandState.PUBLISHED:
        raise WrongState(verb="judge", state=demand.state, allowed=[DemandState.PUBLISHED])
    if data.verdict in NEED_REASON and not data.reason:
        raise invalid_field("/reason", "missing", "请说明理由", "Say why")
    if data.verdict is Verdict.RECOMMENDED:
        await _require_available(session, match, demand)
    judgment = Judgment(
        match_id=match.id,
        account_id=actor.account_id,
        verdict=data.verdict,
        reason=data.reason,
        rank=match.rank,
        score=match.score,
        features=match.features,
        index_version=match.run.index_version,
    )
    session.add(judgment)
    match.verdict = data.verdict
    kind = f"match.{data.verdict}"
    await changes.append(session, kind, match.id, actor_id=actor.account_id)
    # The expert's remaining capacity follows from the recommendations.
    await changes.append(session, "expert.judged", match.expert_id, actor_id=actor.account_id)
    return JudgmentBody.of(judgment)


async def _require_available(session: AsyncSession, match: Match, demand: Demand) -> None:
    """The run may be old: whoever left the pool since, or has a full year, is not recommended.

    The expert is locked, so that two coordinators cannot both give away the last place.
    """
    async with borrowed(session, Scope.JUDGING):
        expert = await experts.find(session, match.expert_id, is_for_update=True)
    if expert is None or expert.state is not ExpertState.IN_POOL:
        raise Conflict(Text("该专家现不在库", "The expert is not in the pool now"))
    is_taken = await repository.is_recommended(session, demand.id, expert.id)
    async with borrowed(session, Scope.INDEX):
        engagements = await repository.engagements_of(session, [expert.id], since=year_began_at())
    taken = engagements.get(expert.id, 0)
    capacity = expert.yearly_capacity
    if capacity is not None and not is_taken and taken >= capacity:
        raise Conflict(Text("该专家本年度名额已用完", "The expert's year is full"))


async def _get_judged(
    session: AsyncSession, actor: Actor, match_id: UUID, *, is_for_update: bool = False
) -> Match:
    """The match, if the actor may judge it."""
    return admitted(
        session,
        await repository.find_match(session, match_id, is_for_update=is_for_update),
        may_read=partial(parties_of, actor),
        may_touch=lambda match: may_judge(actor, match.run.demand),
    )


async def list_judgments(
    pages: Pages, actor: Actor, match_id: UUID, query: JudgmentQuery
) -> Page[JudgmentBody]:
    """All verdicts on a match, latest first."""
    match = await _get_judged(pages.session, actor, match_id)
    return await pages.read(
        repository.listed_judgments(match.id),
        query=query,
        columns={"created_at": Judgment.created_at},
        show=JudgmentBody.of,
    )


async def list_recommendations(
    pages: Pages, actor: Actor, demand_id: UUID, query: RecommendationQuery
) -> Page[MatchBody]:
    """The experts that a coordinator recommended: all that an enterprise sees of the pool."""
    demand = await demands.get_in_full(pages.session, actor, demand_id)
    async with borrowed(pages.session, Scope.RECOMMENDATIONS, str(demand_id)):
        return await pages.read(
            repository.listed_recommendations(demand_id),
            query=query,
            columns={"rank": Match.rank},
            show=lambda m: presentation.show_match(m, allowed_actions(actor, demand)),
        )
