"""What the co-signers have done together: one problem in words for all, and a team for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.experts.forgetting import take_out_of_words
from app.experts.invitations import hold_people
from app.experts.models import Expert
from app.interface.errors import Invalid, conflicting_field
from app.interface.language import Text
from app.interface.validation import FieldError
from app.matches.constraints import constraints_of, members_of
from app.matches.groups import faults_of_named, require_all_available
from app.matches.schemas import MatchParameters
from app.organizations.actors import Actor
from app.problems import repository
from app.problems.access import parties_of
from app.problems.models import CommonProblem, ProblemExpert
from app.problems.operations import enter, get_managed
from app.problems.proposing import make_searchable
from app.problems.schemas import JointTeam, Merging, TeamPart
from app.problems.workflow import TRANSITIONS
from app.scopes import Scope, borrowed
from app.transitions import next_state
from matching import Constraints, Limits

NO_CHIEF = Text("攻关团队须有且只有一位首席专家", "A joint team has exactly one chief")


async def merge(
    session: AsyncSession, actor: Actor, problem_id: UUID, data: Merging
) -> CommonProblem:
    """Say in words of one's own what is to be solved; no job writes over them."""
    problem = await get_managed(session, actor, problem_id)
    target = next_state(TRANSITIONS, "merge", problem.state, parties_of(actor, problem))
    problem.title, problem.statement = data.title, data.statement
    problem.written = ["statement", "title"]
    make_searchable(problem)
    await enter(session, actor, problem, target, "merge")
    return problem


async def form_team(
    session: AsyncSession, actor: Actor, problem_id: UUID, data: JointTeam, limits: Limits
) -> CommonProblem:
    """Name the joint team as a whole, of whom a match for the co-signers would leave out nobody.

    Experts are held before the problem, as in erasure.
    """
    people = await hold_people(session, [part.expert_id for part in data.experts])
    problem = await get_managed(session, actor, problem_id)
    next_state(TRANSITIONS, "form-team", problem.state, parties_of(actor, problem))
    _require_known(data.experts, people)
    stay = {one.expert_id for one in problem.experts}
    joining = {
        f"/experts/{place}": people[part.expert_id]
        for place, part in enumerate(data.experts)
        if part.expert_id not in stay
    }
    constraints = await _constraints(session, problem.co_signer_ids, limits)
    await require_all_available(session, joining, people, constraints)
    problem.experts, problem.updated_at = [], now()
    await session.flush()  # one of them may come again, and is there once
    problem.experts = [
        ProblemExpert(expert=people[part.expert_id], is_chief=part.is_chief)
        for part in sorted(data.experts, key=lambda part: not part.is_chief)
    ]
    await session.flush()
    await changes.append(
        session, "common_problem.team_formed", problem.id, actor_id=actor.account_id
    )
    return problem


async def begin(session: AsyncSession, actor: Actor, problem_id: UUID) -> CommonProblem:
    """The joint team is at work; its chief may have left it since it was formed."""
    problem = await get_managed(session, actor, problem_id)
    target = next_state(TRANSITIONS, "begin-work", problem.state, parties_of(actor, problem))
    if sum(one.is_chief for one in problem.experts) != 1:
        raise conflicting_field("/experts", "no_chief", NO_CHIEF)
    await enter(session, actor, problem, target, "begin-work")
    return problem


async def leave(session: AsyncSession, expert: Expert, actor_id: UUID | None) -> list[UUID]:
    """Take an expert who is about to be erased out of every joint team, and their name out of what
    is said of the problem; the problems' ids."""
    left = await repository.of_expert(session, expert.id)
    for problem in left:
        problem.experts = [one for one in problem.experts if one.expert_id != expert.id]
        take_out_of_words(problem, ("title", "statement", "state_reason"), expert)
        make_searchable(problem)
        problem.updated_at = now()
        await changes.append(session, "common_problem.expert_left", problem.id, actor_id=actor_id)
    await session.flush()
    return [problem.id for problem in left]


async def _constraints(
    session: AsyncSession, co_signer_ids: Sequence[UUID], limits: Limits
) -> Constraints:
    """Of a match for all co-signers, wherever they are: by name, too, and by who acts for them."""
    named = MatchParameters(conflicting_organization_ids=list(co_signer_ids))
    acting: dict[str, str] = {}
    async with borrowed(session, Scope.SERVICE):
        constraints = await constraints_of(session, named, limits)
        for organization_id in co_signer_ids:
            acting |= await members_of(session, organization_id)
    return replace(constraints, members=acting)


def _require_known(parts: Sequence[TeamPart], people: Mapping[UUID, Expert]) -> None:
    """Raises Invalid, which names whoever is not in the pool or comes twice; one alone leads."""
    named = [part.expert_id for part in parts]
    faults = faults_of_named(named, people, pointer="/experts/{place}/expert_id")
    if sum(part.is_chief for part in parts) != 1:
        faults.append(FieldError(pointer="/experts", code="no_chief", message=NO_CHIEF))
    if faults:
        raise Invalid(errors=faults)
