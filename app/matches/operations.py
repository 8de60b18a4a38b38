"""Matching for coordinators: run and store, preview, read again."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.changes import operations as changes
from app.demands import access as demand_access
from app.demands import operations as demand_operations
from app.demands.models import Demand, DemandState
from app.errors import Forbidden, NotFound, WrongState
from app.lifecycle import Party
from app.matches import presentation, repository
from app.matches.calendar import today
from app.matches.documents import query_of_demand
from app.matches.judging import allowed_actions
from app.matches.models import Match, MatchRun, Pool, Trigger
from app.matches.ranking import Matcher
from app.matches.schemas import (
    ExpertMatch,
    MatchBody,
    MatchParameters,
    MatchQuery,
    MatchRunBody,
    MatchRunWithMatches,
    Preview,
    PreviewBody,
    RunQuery,
)
from app.organizations.access import Actor
from app.pagination import Page, Pages
from matching import Constraints, Preferences, Query, Ranking


async def run(
    session: AsyncSession, actor: Actor, matcher: Matcher, demand_id: UUID, data: MatchParameters
) -> MatchRunWithMatches:
    """Match experts to a published demand and keep the run with all it depended on."""
    demand = await managed_demand(session, actor, demand_id)
    if demand.state is not DemandState.PUBLISHED:
        raise WrongState(verb="match", state=demand.state, allowed=[DemandState.PUBLISHED])
    ranking = await matcher.rank(
        session,
        Pool.EXPERTS,
        query_of_demand(demand),
        constraints=constraints_of(data, conflicting=[demand.organization_id]),
        preferences=preferences_of(data),
        limit=data.limit,
    )
    stored = _run_of(actor, demand, data, ranking)
    session.add(stored)
    await session.flush()
    found = await _show_experts(session, ranking)
    ids = await _store_matches(session, stored, found, ranking)
    await changes.append(session, "match_run.created", stored.id, actor_id=actor.account_id)
    return MatchRunWithMatches(
        **dict(presentation.show_run(stored)),
        matches=[
            MatchBody(
                **dict(match),
                id=ids[match.expert.id],
                run_id=stored.id,
                verdict=None,
                allowed_actions=allowed_actions(actor, demand),
            )
            for match in found
        ],
    )


def _run_of(actor: Actor, demand: Demand, data: MatchParameters, ranking: Ranking) -> MatchRun:
    exclusions = presentation.show_exclusions(ranking)
    return MatchRun(
        demand_id=demand.id,
        account_id=actor.account_id,
        trigger=Trigger.BY_HAND,
        index_version=ranking.index_version,
        encoder=ranking.encoder,
        pending=ranking.pending,
        parameters=data.model_dump(mode="json"),
        durations={stage: round(ms, 3) for stage, ms in ranking.durations.items()},
        exclusions=[e.model_dump(mode="json") for e in exclusions],
    )


async def _store_matches(
    session: AsyncSession, stored: MatchRun, found: Sequence[ExpertMatch], ranking: Ranking
) -> dict[UUID, UUID]:
    """Keep the candidates in one statement; the new records' ids by expert."""
    features = {UUID(ranked.candidate_id): ranked.features for ranked in ranking.matches}
    rows = [
        {
            "id": uuid7(),
            "run_id": stored.id,
            "expert_id": match.expert.id,
            "features": dict(features[match.expert.id]),
            **match.model_dump(mode="json", exclude={"expert"}),
        }
        for match in found
    ]
    if rows:
        # RETURNING makes it one statement of many rows instead of one by one.
        await session.execute(insert(Match).returning(Match.id), rows)
    return {row["expert_id"]: row["id"] for row in rows}


async def _show_experts(session: AsyncSession, ranking: Ranking) -> list[ExpertMatch]:
    """The ranked candidates with who they are and what their evidence is called."""
    ids = [UUID(ranked.candidate_id) for ranked in ranking.matches]
    evidence_ids = {UUID(item.document_id) for r in ranking.matches for item in r.evidence}
    people = await repository.matched_experts(session, ids)
    titles = await repository.evidence_titles(session, evidence_ids)
    titles |= {str(expert_id): presentation.PROFILE_TITLE for expert_id in ids}
    return [
        presentation.show_expert_match(presentation.explained(ranked, titles), people[expert_id])
        for ranked, expert_id in zip(ranking.matches, ids, strict=True)
        if expert_id in people
    ]


async def preview(session: AsyncSession, matcher: Matcher, data: Preview) -> PreviewBody:
    """Match a free text and store nothing."""
    query = Query(
        title=data.title,
        problem=data.problem,
        indicators=data.key_indicators,
        keywords=tuple(data.keywords),
    )
    ranking = await matcher.rank(
        session,
        Pool.EXPERTS,
        query,
        constraints=constraints_of(data, conflicting=[]),
        preferences=preferences_of(data),
        limit=data.limit,
        keeps_vector=False,
    )
    return PreviewBody(
        index_version=ranking.index_version,
        encoder=ranking.encoder,
        pending=ranking.pending,
        durations=dict(ranking.durations),
        exclusions=presentation.show_exclusions(ranking),
        matches=await _show_experts(session, ranking),
    )


async def list_runs(
    pages: Pages, actor: Actor, demand_id: UUID, query: RunQuery
) -> Page[MatchRunBody]:
    await managed_demand(pages.session, actor, demand_id)
    return await pages.read(
        repository.listed_runs(demand_id),
        query=query,
        columns={"created_at": MatchRun.created_at},
        show=presentation.show_run,
    )


async def get_run(session: AsyncSession, actor: Actor, run_id: UUID) -> MatchRun:
    """A run of a demand that the actor manages as staff."""
    found = await repository.find_run(session, run_id)
    if found is None or Party.STAFF not in demand_access.parties_of(actor, found.demand):
        raise NotFound()
    return found


async def list_matches(
    pages: Pages, actor: Actor, run_id: UUID, query: MatchQuery
) -> Page[MatchBody]:
    """The candidates of a run, best first."""
    found = await get_run(pages.session, actor, run_id)
    return await pages.read(
        repository.listed_matches(run_id, query),
        query=query,
        columns={"rank": Match.rank},
        show=lambda m: presentation.show_match(m, allowed_actions(actor, found.demand)),
    )


async def managed_demand(session: AsyncSession, actor: Actor, demand_id: UUID) -> Demand:
    """The demand, if the actor is staff of its region."""
    demand = await demand_operations.get(session, actor, demand_id)
    if Party.STAFF not in demand_access.parties_of(actor, demand):
        raise Forbidden()
    return demand


def constraints_of(data: MatchParameters, *, conflicting: Sequence[UUID]) -> Constraints:
    """The request's hard conditions; absent ones exclude nobody."""
    organizations = {*conflicting, *data.conflicting_organization_ids}
    return Constraints(
        on=data.on or today(),
        kinds=frozenset(data.kinds) or None,
        regions=tuple(data.regions) or None,
        organizations=frozenset(str(o) for o in organizations),
        excluded={str(e.expert_id): e.reason for e in data.excluded},
    )


def preferences_of(data: MatchParameters) -> Preferences:
    return Preferences(
        region=data.near_region or "",
        near=data.near_weight if data.near_region else 0.0,
        graded=data.graded_weight,
    )
