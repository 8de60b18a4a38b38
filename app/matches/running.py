"""A match of experts to a demand: found, shown, and kept with all that it depended on."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.changes import operations as changes
from app.clock import now
from app.demands.models import Demand
from app.matches import presentation, repository
from app.matches.access import allowed_actions
from app.matches.constraints import constraints_of
from app.matches.index.documents import query_of_demand
from app.matches.index.ranking import Matcher
from app.matches.models import Pool, Trigger
from app.matches.operations import (
    demand_of_staff,
    preferences_of,
    require_published,
    with_experts,
)
from app.matches.rankers import repository as rankers
from app.matches.rankers.choice import ChosenRanker, weights_for
from app.matches.repository import Basis
from app.matches.schemas import EarlierVerdict, MatchParameters, MatchRunBody, RankedRun
from app.matches.standing import repository as runs
from app.matches.standing.differences import Listing, difference
from app.matches.standing.schemas import MatchRequest, MatchRunWithMatches
from app.organizations.actors import Actor
from matching import Constraints, Limits, Ranking

# What erasure, too, leaves of a reason for keeping somebody out.
NO_REASON = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a match came to, under which ranker, and for which parameters."""

    ranking: Ranking
    ranker: ChosenRanker
    parameters: MatchParameters


async def run(
    session: AsyncSession,
    actor: Actor,
    matcher: Matcher,
    demand_id: UUID,
    data: MatchRequest,
    limits: Limits,
) -> MatchRunWithMatches:
    """Match experts to a published demand and keep the run, unless it is only tried."""
    demand = await demand_of_staff(session, actor, demand_id)
    require_published(demand.state, verb="match")
    parameters = MatchParameters(**data.model_dump(exclude={"dry_run"}))
    constraints = await constraints_of(session, parameters, limits, demand)
    found = await find(
        session, matcher, demand, parameters, constraints, keeps_vector=not data.dry_run
    )
    basis = await hold(session, demand, found)
    require_published(basis.state, verb="match")
    found = without_erased(found, basis.erased)
    body = show_run(
        found,
        demand,
        account_id=actor.account_id,
        trigger=Trigger.BY_HAND,
        previous_id=basis.latest_run_id,
    )
    actions = allowed_actions(actor, demand)
    shown = await show_matches(session, found, body, basis.verdicts, actions)
    if not data.dry_run:
        await keep(session, found, shown, actor_id=actor.account_id)
        return MatchRunWithMatches(**dict(shown))
    differs = None
    if basis.latest_run_id and (previous := await runs.find_run(session, basis.latest_run_id)):
        differs = await difference(session, previous, Listing.of_new(shown), demand.id, body.id)
    return MatchRunWithMatches(**dict(shown), is_dry_run=True, difference=differs)


async def find(
    session: AsyncSession,
    matcher: Matcher,
    demand: Demand,
    parameters: MatchParameters,
    constraints: Constraints,
    *,
    limit: int | None = None,
    keeps_vector: bool = True,
) -> Found:
    """Rank the pool for a demand; `limit`, else that of the parameters."""
    in_force = await rankers.in_force(session)
    ranking = await matcher.rank(
        session,
        Pool.EXPERTS,
        query_of_demand(demand),
        constraints=constraints,
        preferences=preferences_of(parameters),
        weights=partial(weights_for, in_force),
        limit=limit or parameters.limit,
        keeps_vector=keeps_vector,
    )
    ranker = ChosenRanker.of(in_force, ranking.encoder, ranking.measured)
    return Found(ranking=ranking, ranker=ranker, parameters=parameters)


async def hold(session: AsyncSession, demand: Demand, found: Found) -> Basis:
    """Let whoever erases one of the people or withdraws the demand wait until the match is stored.

    They were not held before, while an encoder was waited for.
    """
    ranking, excluded = found.ranking, found.parameters.excluded
    named = {one.candidate_id for one in ranking.matches}
    named |= {one.candidate_id for one in ranking.exclusions}
    named |= {str(one.expert_id) for one in excluded}
    return await repository.hold(session, demand, named)


def without_erased(found: Found, erased: Set[str]) -> Found:
    """What is about to be stored, without a word on whoever was erased."""
    ranked, kept_out = found.ranking.matches, found.ranking.exclusions
    excluded = found.parameters.excluded
    of_others = replace(
        found.ranking,
        matches=tuple(one for one in ranked if one.candidate_id not in erased),
        exclusions=tuple(one for one in kept_out if one.candidate_id not in erased),
    )
    wordless = [
        one.model_copy(update={"reason": NO_REASON}) if str(one.expert_id) in erased else one
        for one in excluded
    ]
    parameters = found.parameters.model_copy(update={"excluded": wordless})
    return replace(found, ranking=of_others, parameters=parameters)


def show_run(
    found: Found,
    demand: Demand,
    *,
    account_id: UUID | None,
    trigger: Trigger,
    previous_id: UUID | None,
) -> MatchRunBody:
    """A run that is about to be stored, or is only tried."""
    made_at, ranking = now(), found.ranking
    return MatchRunBody(
        id=uuid7(),
        version=1,
        created_at=made_at,
        updated_at=made_at,
        demand_id=demand.id,
        account_id=account_id,
        trigger=trigger,
        index_version=ranking.index_version,
        encoder=ranking.encoder,
        ranker_version=found.ranker.number,
        pending=ranking.pending,
        parameters=found.parameters,
        durations={stage: round(ms, 3) for stage, ms in ranking.durations.items()},
        exclusions=presentation.show_exclusions(ranking),
        previous_id=previous_id,
        withdrawn_at=None,
        withdrawn_by_id=None,
    )


async def show_matches(
    session: AsyncSession,
    found: Found,
    body: MatchRunBody,
    verdicts: Mapping[UUID, EarlierVerdict],
    actions: list[str],
) -> RankedRun:
    """The run with its candidates, and what was said of each before."""
    people = await with_experts(session, found.ranking)
    matches = [
        presentation.show_new(
            ranked, card, found.ranker, body, actions, earlier_verdict=verdicts.get(card.id)
        )
        for ranked, card in people
    ]
    return RankedRun(**dict(body), matches=matches)


async def keep(
    session: AsyncSession, found: Found, shown: RankedRun, *, actor_id: UUID | None
) -> None:
    """Store a run with its candidates, each with its features, and tell the followers."""
    features = {one.candidate_id: one.features for one in found.ranking.matches}
    of_shown = [features[str(match.expert.id)] for match in shown.matches]
    body = MatchRunBody.model_construct(**{n: getattr(shown, n) for n in MatchRunBody.model_fields})
    await repository.add_run(session, body, shown.matches, of_shown)
    await changes.append(session, "match_run.created", shown.id, actor_id=actor_id)
