"""Matching for coordinators: run and store, preview, read again."""

from dataclasses import replace
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.changes import operations as changes
from app.clock import now
from app.demands import operations as demand_operations
from app.demands.models import Demand, DemandState
from app.demands.workflow import SOUGHT
from app.interface.errors import Forbidden, NotFound, WrongState
from app.interface.pagination import Page, Pages
from app.matches import presentation, repository
from app.matches.access import allowed_actions, may_match
from app.matches.constraints import constraints_of
from app.matches.index.documents import query_of_demand
from app.matches.index.ranking import Matcher
from app.matches.models import Match, MatchRun, Pool, Trigger
from app.matches.rankers import repository as rankers
from app.matches.rankers.choice import ChosenRanker, weights_for
from app.matches.repository import Card
from app.matches.schemas import (
    MatchBody,
    MatchParameters,
    MatchQuery,
    MatchRunBody,
    MatchRunWithMatches,
    Preview,
    PreviewBody,
    RunQuery,
)
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed
from matching import Limits, Preferences, Query, Ranking
from matching import Match as Ranked

# What erasure, too, leaves of a reason for keeping somebody out.
NO_REASON = "-"


async def run(
    session: AsyncSession,
    actor: Actor,
    matcher: Matcher,
    demand_id: UUID,
    data: MatchParameters,
    limits: Limits,
) -> MatchRunWithMatches:
    """Match experts to a published demand and keep the run with all it depended on."""
    demand = await demand_of_staff(session, actor, demand_id)
    require_published(demand.state, verb="match")
    in_force = await rankers.in_force(session)
    ranking = await matcher.rank(
        session,
        Pool.EXPERTS,
        query_of_demand(demand),
        constraints=await constraints_of(session, data, limits, demand),
        preferences=preferences_of(data),
        weights=partial(weights_for, in_force),
        limit=data.limit,
    )
    # Not held before, while an encoder was waited for; people before the demand, as erasure does.
    ranking, data = await _without_erased(session, ranking, data)
    require_published(await repository.held_state(session, demand), verb="match")
    ranker = ChosenRanker.of(in_force, ranking.encoder, ranking.measured)
    shown_run = _show_run(actor, demand, data, ranking, ranker.number)
    actions = allowed_actions(actor, demand)
    found = await _with_experts(session, ranking)
    matches = [presentation.show_new(*one, ranker, shown_run, actions) for one in found]
    features = [ranked.features for ranked, _ in found]
    await repository.add_run(session, shown_run, matches, features)
    await changes.append(session, "match_run.created", shown_run.id, actor_id=actor.account_id)
    return MatchRunWithMatches(**dict(shown_run), matches=matches)


async def _without_erased(
    session: AsyncSession, ranking: Ranking, data: MatchParameters
) -> tuple[Ranking, MatchParameters]:
    """What is about to be stored, without a word on whoever was erased.

    Whoever erases one of the others waits until it is there to be forgotten.
    """
    ranked, kept_out, excluded = ranking.matches, ranking.exclusions, data.excluded
    named = {one.candidate_id for one in ranked} | {one.candidate_id for one in kept_out}
    erased = await repository.held_erased(session, named | {str(one.expert_id) for one in excluded})
    of_others = replace(
        ranking,
        matches=tuple(one for one in ranked if one.candidate_id not in erased),
        exclusions=tuple(one for one in kept_out if one.candidate_id not in erased),
    )
    wordless = [
        one.model_copy(update={"reason": NO_REASON}) if str(one.expert_id) in erased else one
        for one in excluded
    ]
    return of_others, data.model_copy(update={"excluded": wordless})


def require_published(state: DemandState, *, verb: str) -> None:
    """Raises WrongState for a demand for which no experts are sought, or no longer."""
    if state not in SOUGHT:
        raise WrongState(verb=verb, state=state, allowed=sorted(SOUGHT))


def _show_run(
    actor: Actor, demand: Demand, data: MatchParameters, ranking: Ranking, ranker_version: int
) -> MatchRunBody:
    made_at = now()
    return MatchRunBody(
        id=uuid7(),
        version=1,
        created_at=made_at,
        updated_at=made_at,
        demand_id=demand.id,
        account_id=actor.account_id,
        trigger=Trigger.BY_HAND,
        index_version=ranking.index_version,
        encoder=ranking.encoder,
        ranker_version=ranker_version,
        pending=ranking.pending,
        parameters=data,
        durations={stage: round(ms, 3) for stage, ms in ranking.durations.items()},
        exclusions=presentation.show_exclusions(ranking),
    )


async def _with_experts(session: AsyncSession, ranking: Ranking) -> list[tuple[Ranked, Card]]:
    """The ranked candidates with the cards that say who they are and what their evidence is."""
    ids = [ranked.candidate_id for ranked in ranking.matches]
    evidence_ids = [item.document_id for r in ranking.matches for item in r.evidence]
    people = await repository.cards_of(session, ids, evidence_ids)
    return [
        (ranked, people[ranked.candidate_id])
        for ranked in ranking.matches
        if ranked.candidate_id in people
    ]


async def preview(
    session: AsyncSession, matcher: Matcher, data: Preview, limits: Limits
) -> PreviewBody:
    """Match a free text and store nothing."""
    query = Query(
        title=data.title,
        problem=data.problem,
        indicators=data.key_indicators,
        keywords=tuple(data.keywords),
    )
    in_force = await rankers.in_force(session)
    ranking = await matcher.rank(
        session,
        Pool.EXPERTS,
        query,
        constraints=await constraints_of(session, data, limits),
        preferences=preferences_of(data),
        weights=partial(weights_for, in_force),
        limit=data.limit,
        keeps_vector=False,
    )
    ranker = ChosenRanker.of(in_force, ranking.encoder, ranking.measured)
    return PreviewBody(
        index_version=ranking.index_version,
        encoder=ranking.encoder,
        ranker_version=ranker.number,
        pending=ranking.pending,
        durations=dict(ranking.durations),
        exclusions=presentation.show_exclusions(ranking),
        matches=[
            presentation.show_expert_match(*one, ranker)
            for one in await _with_experts(session, ranking)
        ],
    )


async def list_runs(
    pages: Pages, actor: Actor, demand_id: UUID, query: RunQuery
) -> Page[MatchRunBody]:
    await demand_of_staff(pages.session, actor, demand_id)
    return await pages.read(
        repository.listed_runs(demand_id),
        query=query,
        columns={"created_at": MatchRun.created_at},
        show=presentation.show_run,
    )


async def get_run(session: AsyncSession, actor: Actor, run_id: UUID) -> MatchRun:
    """A run of a demand for which the actor may look for experts."""
    found = await repository.find_run(session, run_id)
    if found is None or not may_match(actor, found.demand):
        raise NotFound()
    return found


async def list_matches(
    pages: Pages, actor: Actor, run_id: UUID, query: MatchQuery
) -> Page[MatchBody]:
    """The candidates of a run, best first."""
    found = await get_run(pages.session, actor, run_id)
    async with borrowed(pages.session, Scope.MATCHES, str(found.demand_id)):
        return await pages.read(
            repository.listed_matches(run_id, query),
            query=query,
            columns={"rank": Match.rank},
            show=lambda m: presentation.show_match(m, allowed_actions(actor, found.demand)),
        )


async def demand_of_staff(session: AsyncSession, actor: Actor, demand_id: UUID) -> Demand:
    """The demand, if the actor may look for experts for it."""
    demand = await demand_operations.get(session, actor, demand_id)
    if not may_match(actor, demand):
        raise Forbidden()
    return demand


def preferences_of(data: MatchParameters) -> Preferences:
    return Preferences(
        region=data.near_region or "",
        near=data.near_weight if data.near_region else 0.0,
        graded=data.graded_weight,
    )
