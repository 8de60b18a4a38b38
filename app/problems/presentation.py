"""A problem as its reader sees it: demands by their public part, answers and team to insiders."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.demands import repository as demands
from app.demands.models import Demand
from app.demands.workflow import PUBLIC
from app.matches import repository as matches
from app.matches.schemas import MatchedExpert
from app.organizations.actors import Actor
from app.problems import repository
from app.problems.access import (
    allowed_actions,
    may_manage,
    may_read_answer,
    may_read_members,
    may_read_team,
)
from app.problems.models import CommonProblem, ProblemMember, ProblemSignature, ProblemState
from app.problems.proposing import by_centrality
from app.problems.schemas import AnswerBody, CommonProblemBody, MemberBody, TeamPartBody
from app.problems.wording import reason_of
from app.scopes import Scope, borrowed


async def show(
    session: AsyncSession, actor: Actor, problem: CommonProblem, language: str
) -> CommonProblemBody:
    """The problem, with as much of its parts as the actor may read."""
    return CommonProblemBody.of(
        problem,
        **computed(actor, problem),
        members=await _members(session, actor, problem, language),
        answers=await _answers(session, actor, problem),
        experts=await _team(session, actor, problem),
    )


def computed(actor: Actor, problem: CommonProblem) -> dict[str, object]:
    return {
        "region_codes": [code for code in problem.region_codes if code],
        "co_signer_count": len(problem.co_signer_ids),
        "allowed_actions": allowed_actions(actor, problem),
    }


async def find_published(session: AsyncSession, demand_ids: Sequence[UUID]) -> list[Demand]:
    """Those of the demands that are published, as far as the scope shows them."""
    found = await demands.find_many(session, demand_ids)
    return [demand for demand in found if demand.state in PUBLIC]


async def _members(
    session: AsyncSession, actor: Actor, problem: CommonProblem, language: str
) -> list[MemberBody]:
    if not may_read_members(actor, problem):
        return []
    members = by_centrality(problem)
    async with borrowed(session, Scope.INDEX):  # an enterprise reads no other's demand elsewhere
        found = await find_published(session, [member.demand_id for member in members])
    by_id = {demand.id: demand for demand in found}
    return [_show_member(actor, member, by_id, language) for member in members]


def _show_member(
    actor: Actor, member: ProblemMember, published: Mapping[UUID, Demand], language: str
) -> MemberBody:
    demand = published.get(member.demand_id)
    nearest = published.get(member.nearest_demand_id) if member.nearest_demand_id else None
    terms = member.terms if demand and nearest else []
    title = nearest.title if demand and nearest else None
    reason = reason_of(member.origin, member.similarity, terms, title)
    return MemberBody(
        demand_id=member.demand_id,
        is_own=demand is not None and actor.acts_for(demand.organization_id),
        title=demand.title if demand else None,
        public_summary=demand.public_summary if demand else None,
        keywords=demand.keywords if demand else None,
        region_code=demand.region_code if demand else None,
        technology_field=demand.technology_field if demand else None,
        origin=member.origin,
        similarity=member.similarity,
        terms=terms,
        reason=reason.in_language(language),
    )


async def _answers(session: AsyncSession, actor: Actor, problem: CommonProblem) -> list[AnswerBody]:
    """Those that the actor reads; to staff also who has not answered yet."""
    known = {one.organization_id: one for one in problem.signatures}
    seen = [i for i, one in known.items() if may_read_answer(actor, problem, one)]
    if problem.state is ProblemState.CONFIRMED:
        sees_all = may_manage(actor, problem)
        waiting = set(problem.organization_ids) - known.keys()
        seen += sorted(one for one in waiting if sees_all or actor.acts_for(one))
    async with borrowed(session, Scope.SERVICE):  # who reads an answer reads whose it is
        names = await matches.names_of_organizations(session, seen)
    return [_show_answer(problem, one, known.get(one), names.get(one)) for one in seen]


def _show_answer(
    problem: CommonProblem,
    organization_id: UUID,
    signature: ProblemSignature | None,
    name: str | None,
) -> AnswerBody:
    return AnswerBody(
        organization_id=organization_id,
        organization_name=name,
        answer=signature.answer if signature else None,
        is_lead=organization_id == problem.lead_organization_id,
        share=signature.share if signature else None,
        note=signature.note if signature else "",
        is_noted_by_staff=signature is not None and signature.is_noted_by_staff,
    )


async def _team(session: AsyncSession, actor: Actor, problem: CommonProblem) -> list[TeamPartBody]:
    """By their cards, while they are in the pool."""
    if not problem.experts or not may_read_team(actor, problem):
        return []
    async with borrowed(session, Scope.INDEX):  # an enterprise reads nobody's profile elsewhere
        cards = await repository.in_pool(session, [one.expert_id for one in problem.experts])
    return [
        TeamPartBody(
            expert=MatchedExpert.model_validate(cards[one.expert_id])
            if one.expert_id in cards
            else None,
            is_chief=one.is_chief,
        )
        for one in problem.experts
    ]
