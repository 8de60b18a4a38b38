"""What the co-signers have done together: one problem in words for all, and a team for it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.experts.models import Expert
from app.interface.errors import Conflict, Invalid
from app.interface.language import Text
from app.interface.validation import FieldError
from app.matches.availability import NOT_IN_POOL, objections_to, told
from app.matches.constraints import constraints_of
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
from matching import Limits

TWICE = Text("该专家出现两次", "The expert is named twice")
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
    people = await _hold_people(session, [part.expert_id for part in data.experts])
    problem = await get_managed(session, actor, problem_id)
    next_state(TRANSITIONS, "form-team", problem.state, parties_of(actor, problem))
    _require_known(data.experts, people)
    stay = {one.expert_id for one in problem.experts}
    joining = [part.expert_id for part in data.experts if part.expert_id not in stay]
    await _require_available(session, problem, data.experts, [people[i] for i in joining], limits)
    problem.experts, problem.updated_at = [], now()
    await session.flush()  # one of them may come again, and is there once
    problem.experts = [ProblemExpert(**part.model_dump()) for part in data.experts]
    await session.flush()
    await changes.append(
        session, "common_problem.team_formed", problem.id, actor_id=actor.account_id
    )
    return await get_managed(session, actor, problem_id)  # with who they are


async def begin(session: AsyncSession, actor: Actor, problem_id: UUID) -> CommonProblem:
    """The joint team is at work; its chief may have left it since it was formed."""
    problem = await get_managed(session, actor, problem_id)
    target = next_state(TRANSITIONS, "begin-work", problem.state, parties_of(actor, problem))
    if sum(one.is_chief for one in problem.experts) != 1:
        fault = FieldError(pointer="/experts", code="no_chief", message=NO_CHIEF)
        raise Conflict(NO_CHIEF, errors=[fault])
    await enter(session, actor, problem, target, "begin-work")
    return problem


async def leave(session: AsyncSession, expert: Expert, actor_id: UUID | None) -> list[UUID]:
    """Take an expert who is about to be erased out of every joint team; the problems' ids."""
    left = await repository.of_expert(session, expert.id)
    for problem in left:
        problem.experts = [one for one in problem.experts if one.expert_id != expert.id]
        problem.updated_at = now()
        await changes.append(session, "common_problem.expert_left", problem.id, actor_id=actor_id)
    await session.flush()
    return [problem.id for problem in left]


async def _hold_people(session: AsyncSession, expert_ids: Collection[UUID]) -> dict[UUID, Expert]:
    """Those of the experts who are in the pool, whosever, locked."""
    async with borrowed(session, Scope.JUDGING):
        return await repository.in_pool(session, expert_ids, is_for_update=True)


def _require_known(parts: Sequence[TeamPart], people: Mapping[UUID, Expert]) -> None:
    """Raises Invalid, which names whoever is not in the pool or comes twice; one alone leads."""
    faults, seen = list[FieldError](), set[UUID]()
    for place, part in enumerate(parts):
        pointer = f"/experts/{place}/expert_id"
        if part.expert_id not in people:
            faults.append(FieldError(pointer=pointer, code="not_in_pool", message=NOT_IN_POOL))
        elif part.expert_id in seen:
            faults.append(FieldError(pointer=pointer, code="named_twice", message=TWICE))
        seen.add(part.expert_id)
    if sum(part.is_chief for part in parts) != 1:
        faults.append(FieldError(pointer="/experts", code="no_chief", message=NO_CHIEF))
    if faults:
        raise Invalid(errors=faults)


async def _require_available(
    session: AsyncSession,
    problem: CommonProblem,
    parts: Sequence[TeamPart],
    people: Sequence[Expert],
    limits: Limits,
) -> None:
    """Raises Conflict with who is not to be asked now, and every reason why."""
    of_co_signers = MatchParameters(conflicting_organization_ids=problem.co_signer_ids)
    constraints = await constraints_of(session, of_co_signers, limits)
    found = await objections_to(session, people, constraints)
    places = {part.expert_id: place for place, part in enumerate(parts)}
    faults = [
        _named(told(objection), expert, places[expert.id])
        for expert, objections in zip(people, found, strict=True)
        for objection in objections
    ]
    if faults:
        raise Conflict(faults[0].message, errors=faults)


def _named(fault: FieldError, expert: Expert, place: int) -> FieldError:
    zh, en = fault.message
    message = Text(f"{expert.name}：{zh}", f"{expert.name}: {en}")
    return replace(fault, pointer=f"/experts/{place}", message=message)
