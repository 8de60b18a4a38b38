"""Coordinators' verdicts on matches: what people decide, kept with what they saw."""

from datetime import date, datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import day_of
from app.demands import operations as demands
from app.demands.access import may_broker
from app.experts import repository as experts
from app.experts.models import Expert
from app.interface.errors import Conflict, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.matches import presentation, repository
from app.matches.access import allowed_actions, parties_of
from app.matches.availability import require_available
from app.matches.models import RULING_OUT, Judgment, Match, Verdict
from app.matches.operations import require_published
from app.matches.schemas import (
    Judging,
    JudgmentBody,
    JudgmentQuery,
    MatchBody,
    MatchParameters,
    RecommendationQuery,
)
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed
from matching import Limits


async def judge(
    session: AsyncSession,
    actor: Actor,
    match_id: UUID,
    data: Judging,
    limits: Limits,
    moment: datetime,
) -> JudgmentBody:
    """Keep a verdict with the features as shown; the latest one counts for the match."""
    is_recommending = data.verdict is Verdict.RECOMMENDED
    expert = await _hold_expert(session, match_id) if is_recommending else None
    is_erased = not is_recommending and await _is_erased(session, match_id)
    match = await _get_judged(session, actor, match_id, is_for_update=True)
    require_published(await repository.held_state(session, match.run.demand), verb="judge")
    if data.verdict in RULING_OUT and not data.reason:
        raise invalid_field("/reason", "missing", "请说明理由", "Say why")
    if is_recommending:
        asked_on = MatchParameters.model_validate(match.run.parameters).on
        on = max(asked_on or date.min, day_of(moment))
        await require_available(session, match.run, expert, limits, on)
    if is_erased:
        raise Conflict(Text("该专家的信息已注销", "The expert was erased"))
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
    return JudgmentBody.of(judgment)


async def _hold_expert(session: AsyncSession, match_id: UUID) -> Expert | None:
    """The candidate, if of the pool, locked: nobody is invited or erased meanwhile.

    Before the match, as erasure locks them.
    """
    expert_id = await repository.expert_id_of(session, match_id)
    if expert_id is None:
        return None
    async with borrowed(session, Scope.JUDGING):
        return await experts.find(session, expert_id, is_for_update=True)


async def _is_erased(session: AsyncSession, match_id: UUID) -> bool:
    """Nothing more is said of a person who was forgotten; of others, in the pool or not, it is."""
    async with borrowed(session, Scope.SERVICE):
        return await repository.held_erasure(session, match_id)


async def _get_judged(
    session: AsyncSession, actor: Actor, match_id: UUID, *, is_for_update: bool = False
) -> Match:
    """The match, if the actor may judge it."""
    return admitted(
        session,
        await repository.find_match(session, match_id, is_for_update=is_for_update),
        may_read=partial(parties_of, actor),
        may_touch=lambda match: may_broker(actor, match.run.demand),
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
