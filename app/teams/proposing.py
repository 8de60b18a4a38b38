"""A team that together covers what a demand asks for; nothing of it is stored."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches import repository as matches
from app.matches.constraints import constraints_of
from app.matches.index.documents import query_of_demand
from app.matches.index.ranking import EMPTY, Matcher
from app.matches.models import Pool
from app.matches.operations import demand_of_staff, require_published
from app.matches.own_reasons import PROFILE_TITLE
from app.matches.presentation import show_exclusions
from app.matches.rankers import repository as rankers
from app.matches.rankers.choice import weights_for
from app.matches.repository import Card
from app.matches.schemas import MatchedExpert, MatchParameters
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed
from app.teams.models import TeamRole
from app.teams.schemas import (
    AspectBody,
    CoveredBody,
    ProposedMember,
    TeamProposal,
    TeamProposing,
)
from matching import Limits, MatchIndex, Query, Ranking
from matching.teams import Member, Team, aspects_of, cover, propose_team

NOBODY = Team(members=(), aspects=(), uncovered=(), coverage=0.0)


async def propose(
    session: AsyncSession,
    actor: Actor,
    matcher: Matcher,
    demand_id: UUID,
    data: TeamProposing,
    limits: Limits,
    usual_size: int,
) -> TeamProposal:
    """Choose, among the first of a match, a chief and whoever adds most to what they cover."""
    demand = await demand_of_staff(session, actor, demand_id)
    require_published(demand.state, verb="propose-team")
    constraints = await constraints_of(session, MatchParameters(), limits, demand)
    async with borrowed(session, Scope.SERVICE):  # a partner reads no verdict, only what follows
        ruled_out = await matches.ruled_out(session, demand_id)
    in_force = await rankers.in_force(session)
    query = query_of_demand(demand)
    index = await matcher.indexes[Pool.EXPERTS].refresh(session)
    if index is None:
        return _show(demand_id, EMPTY, NOBODY, 0.0, {})
    ranking = await matcher.rank(
        session,
        Pool.EXPERTS,
        query,
        constraints=replace(
            constraints, excluded={str(expert): verdict for expert, verdict in ruled_out.items()}
        ),
        weights=partial(weights_for, in_force),
        limit=data.depth,
        keeps_vector=False,
        asks_reranker=False,
        index=index,
    )
    first = [ranked.candidate_id for ranked in ranking.matches]
    size = data.size or usual_size
    team, plain = await to_thread.run_sync(_chosen, query, index, first, size)
    return _show(demand_id, ranking, team, plain, await _cards(session, team))


def _chosen(query: Query, index: MatchIndex, first: Sequence[str], size: int) -> tuple[Team, float]:
    """The team, and what as many of the first cover."""
    aspects = aspects_of(query, index.model)
    if not aspects or not first:
        return replace(NOBODY, aspects=aspects, uncovered=tuple(a.text for a in aspects)), 0.0
    coverage = cover(aspects, index, first)
    team = propose_team(coverage, size=size)
    return team, coverage.of_first(len(team.members))


async def _cards(session: AsyncSession, team: Team) -> dict[str, Card]:
    documents = [one.document_id for member in team.members for one in member.covers]
    return await matches.cards_of(session, [m.candidate_id for m in team.members], documents)


def _show(
    demand_id: UUID, ranking: Ranking, team: Team, plain: float, cards: dict[str, Card]
) -> TeamProposal:
    return TeamProposal(
        demand_id=demand_id,
        index_version=ranking.index_version,
        aspects=[AspectBody(text=one.text, weight=one.weight) for one in team.aspects],
        members=[
            _show_member(member, cards[member.candidate_id], is_chief=place == 0)
            for place, member in enumerate(team.members)
            if member.candidate_id in cards
        ],
        uncovered=list(team.uncovered),
        coverage=team.coverage,
        plain_coverage=plain,
        exclusions=show_exclusions(ranking),
    )


def _show_member(member: Member, card: Card, *, is_chief: bool) -> ProposedMember:
    titles = {str(card.id): PROFILE_TITLE} | (card.titles or {})
    return ProposedMember(
        expert=MatchedExpert.model_validate(card),
        role=TeamRole.CHIEF if is_chief else TeamRole.MEMBER,
        rank=member.rank,
        gain=member.gain,
        covers=[
            CoveredBody(
                aspect=one.aspect,
                share=one.share,
                document_id=UUID(one.document_id),
                title=titles.get(one.document_id, ""),
            )
            for one in member.covers
        ],
    )
