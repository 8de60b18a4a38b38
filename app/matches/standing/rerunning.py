"""One demand is matched again, and only what is news is kept."""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.demands import repository as demands
from app.demands.models import Demand
from app.demands.workflow import SOUGHT
from app.matches.constraints import constraints_of
from app.matches.index.ranking import Matcher
from app.matches.index.reranking import RERANKED
from app.matches.limits import limits_of
from app.matches.models import MatchRun, StandingSubject
from app.matches.running import Found, find, hold, keep, show_matches, show_run, without_erased
from app.matches.schemas import MatchParameters, RankedRun
from app.matches.standing import repository
from app.matches.standing.differences import Listing, is_news, places_of
from app.scopes import ENTER, Scope, borrowed
from app.settings import Settings
from matching import RERANKING, Constraints, Limits, Ranking
from matching.types import LEXICAL_ONLY


class LacksVectors(ConnectionError):
    """The encoder is away, and without it the demand would be matched by words alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How demands are matched again.

    ranks, score: what moves by no more than this is no news, unless somebody enters or leaves.
    """

    ranks: int
    score: float
    limits: Limits

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        return cls(
            ranks=settings.standing_rank_threshold,
            score=settings.standing_score_threshold,
            limits=limits_of(settings),
        )


async def rerun(session: AsyncSession, matcher: Matcher, demand_id: UUID, policy: Policy) -> None:
    """Match a waiting demand again, note that it was checked, and keep the run if it is news.

    Raises LacksVectors; the demand waits on then.
    """
    waiting = await repository.take_demand(session, demand_id)
    if waiting is None:
        return
    trigger = waiting.trigger
    await repository.forget_work(session, StandingSubject.DEMAND, [demand_id])
    demand = await demands.find(session, demand_id)
    if demand is None or demand.state not in SOUGHT:
        await repository.forget_standing(session, demand_id)
        return
    by_hand = await repository.latest_by_hand(session, demand_id)
    found, entry_score = await _found(session, matcher, demand, by_hand, policy.limits)
    basis = await hold(session, demand, found)
    if basis.state not in SOUGHT:
        await repository.forget_standing(session, demand_id)
        return
    found = without_erased(found, basis.erased)
    previous = await repository.latest_run(session, demand_id)
    body = show_run(
        found,
        demand,
        account_id=None,
        trigger=trigger,
        previous_id=previous.id if previous else None,
    )
    shown = await show_matches(session, found, body, basis.verdicts, [])
    if previous is None or await _is_news(session, previous, shown, policy):
        await keep(session, found, shown, actor_id=None)
        run_id = shown.id
    else:
        run_id = previous.id
    await repository.set_standing(
        session,
        {
            "demand_id": demand_id,
            "run_id": run_id,
            "checked_at": now(),
            "index_version": found.ranking.index_version,
            "ranker_version": found.ranker.number,
            "entry_score": entry_score,
        },
    )


async def _is_news(
    session: AsyncSession, previous: MatchRun, shown: RankedRun, policy: Policy
) -> bool:
    before = Listing.of(previous, await places_of(session, previous.id))
    after = Listing.of_new(shown)
    return is_news(before, after, ranks=policy.ranks, score=policy.score)


async def _found(
    session: AsyncSession,
    matcher: Matcher,
    demand: Demand,
    by_hand: MatchRun | None,
    limits: Limits,
) -> tuple[Found, float | None]:
    """The match as the latest one by hand was asked for, and the score that it takes to enter."""
    parameters = MatchParameters()
    if by_hand is not None:
        parameters = MatchParameters.model_validate(by_hand.parameters)
    constraints = await _constraints(session, parameters, limits, demand, by_hand)
    # With a second opinion whoever is heard may come in, so all of them are looked at.
    looked_at = parameters.limit
    if matcher.second_opinions is not None:
        looked_at = max(looked_at, RERANKED)
    found = await find(session, matcher, demand, parameters, constraints, limit=looked_at)
    if found.ranking.encoder == LEXICAL_ONLY and found.ranking.matches:
        raise LacksVectors
    first = replace(found.ranking, matches=found.ranking.matches[: parameters.limit])
    return replace(found, ranking=first), entry_score(found.ranking, looked_at)


async def _constraints(
    session: AsyncSession,
    parameters: MatchParameters,
    limits: Limits,
    demand: Demand,
    by_hand: MatchRun | None,
) -> Constraints:
    """What the run asks of experts; organizations are named as far as who asked may read them."""
    if by_hand is None or not parameters.conflicting_organization_ids:
        return await constraints_of(session, parameters, limits, demand)
    async with borrowed(session, Scope.LOOKUP):
        await session.execute(ENTER, {"account_id": by_hand.account_id})
        return await constraints_of(session, parameters, limits, demand)


def entry_score(ranking: Ranking, looked_at: int) -> float | None:
    """What the last who is looked at has without second opinions; None while there is room."""
    if len(ranking.matches) < looked_at:
        return None
    opinions = [{c.name: c.value for c in m.contributions} for m in ranking.matches]
    return min(
        one.score - its.get(RERANKING, 0.0)
        for one, its in zip(ranking.matches, opinions, strict=True)
    )
