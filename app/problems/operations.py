"""Common problems: read by whom they concern, edited and decided on by the staff."""

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.demands.access import may_broker
from app.demands.models import Demand
from app.interface.errors import Conflict, Forbidden, NotFound, WrongState, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.organizations.actors import Actor
from app.problems import repository
from app.problems.access import (
    may_manage,
    may_read,
    may_touch,
    parties_of,
    readable,
)
from app.problems.models import (
    MOST_MEMBERS,
    CommonProblem,
    Likeness,
    Origin,
    ProblemMember,
    ProblemState,
)
from app.problems.presentation import computed, find_published
from app.problems.proposing import describe, forget_reasons, make_searchable, present
from app.problems.schemas import CommonProblemQuery, CommonProblemSummary, CommonProblemUpdate
from app.problems.similarity import OpenDemand
from app.problems.workflow import EDITABLE, TRANSITIONS, settle
from app.progress import operations as progress
from app.progress.models import Operation
from app.transitions import next_state

SORTS = {
    "created_at": CommonProblem.created_at,
    "organization_count": CommonProblem.organization_count,
}
PROPOSING = "propose_common_problems"
OF_OTHERS = Text(
    "只能加入或移出本管辖地区的需求", "Put in or take out demands of your own region alone"
)
TOO_MANY = Text(
    f"一个难题最多 {MOST_MEMBERS} 条需求，含已移出的",
    f"At most {MOST_MEMBERS} demands of a problem, with those taken out",
)
NOT_SHARED = Text("须有至少两家企业的已公开需求", "Needs published demands of two enterprises")


async def ask_for_proposals(session: AsyncSession, actor: Actor) -> Operation:
    """An operation that looks through all published demands; the one that has been asked for."""
    if begun := await progress.begun(session, actor, PROPOSING):
        return begun
    operation = await progress.create(
        session, actor, PROPOSING, result_path="/api/v1/common-problems"
    )
    await progress.enqueue(session, operation)
    return operation


async def get(session: AsyncSession, actor: Actor, problem_id: UUID) -> CommonProblem:
    """The problem, if the actor may read it."""
    problem = await repository.find(session, problem_id)
    if problem is None or not may_read(actor, problem):
        raise NotFound()
    return problem


async def get_managed(session: AsyncSession, actor: Actor, problem_id: UUID) -> CommonProblem:
    """The problem, locked, for its staff."""
    problem = await repository.find(session, problem_id, is_for_update=True)
    reads, touches = partial(may_read, actor), partial(may_manage, actor)
    return admitted(session, problem, may_read=reads, may_touch=touches)


async def hold(session: AsyncSession, actor: Actor, problem_id: UUID) -> CommonProblem:
    """The problem, locked, for its staff or an enterprise that may act in it."""
    problem = await repository.find(session, problem_id, is_for_update=True)
    reads, touches = partial(may_read, actor), partial(may_touch, actor)
    return admitted(session, problem, may_read=reads, may_touch=touches)


async def search(
    pages: Pages, actor: Actor, query: CommonProblemQuery
) -> Page[CommonProblemSummary]:
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=lambda problem: CommonProblemSummary.of(problem, **computed(actor, problem)),
    )


async def update(
    session: AsyncSession, actor: Actor, problem_id: UUID, data: CommonProblemUpdate
) -> CommonProblem:
    """Say a proposal in one's own words, take demands out of it, or put others in."""
    problem = await get_managed(session, actor, problem_id)
    if problem.state not in EDITABLE:
        raise WrongState(verb="update", state=problem.state, allowed=sorted(EDITABLE))
    wanted = data.changes()
    demand_ids = wanted.pop("demand_ids", None)
    for name, value in wanted.items():
        setattr(problem, name, value)
    problem.written = sorted({*problem.written, *wanted})
    if demand_ids is None:
        make_searchable(problem)
    else:
        await _place_by_hand(session, actor, problem, set(demand_ids))
    if not may_manage(actor, problem):
        raise Forbidden(Text("不能移出自己的管辖地区", "Not out of your own region"))
    names = sorted(data.model_fields_set)
    await changes.append(
        session,
        "common_problem.updated",
        problem.id,
        actor_id=actor.account_id,
        data={"fields": names},
    )
    return problem


async def move(
    session: AsyncSession, actor: Actor, problem_id: UUID, verb: str, reason: str = ""
) -> CommonProblem:
    """Take one step of the life cycle that says no more than why it is taken.

    What is confirmed is shared by two enterprises now.
    """
    problem = await hold(session, actor, problem_id)
    target = next_state(TRANSITIONS, verb, problem.state, parties_of(actor, problem))
    if target is ProblemState.CONFIRMED:
        found = await find_published(session, [member.demand_id for member in present(problem)])
        if not _is_shared(found):
            raise Conflict(NOT_SHARED)
    await enter(session, actor, problem, target, verb, reason)
    return problem


async def enter(
    session: AsyncSession,
    actor: Actor,
    problem: CommonProblem,
    state: ProblemState,
    verb: str,
    reason: str = "",
) -> None:
    """Put the problem into a state, and tell the followers."""
    settle(problem, state, reason)
    data = {"verb": verb}
    kind = f"common_problem.{state}"
    await changes.append(session, kind, problem.id, actor_id=actor.account_id, data=data)


async def _place_by_hand(
    session: AsyncSession, actor: Actor, problem: CommonProblem, wanted: set[UUID]
) -> None:
    """Exactly these demands; the job neither takes what is put in here nor brings back the rest.

    What is not published any more is left to that job: by hand it would be out for good.
    Raises Invalid, and Forbidden where that moves what others carry.
    """
    asked = wanted | {member.demand_id for member in present(problem)}
    published = {demand.id: demand for demand in await find_published(session, sorted(asked))}
    moved = _moved(actor, problem, wanted, published)
    known = {member.demand_id: member for member in problem.members}
    if moved & known.keys():
        forget_reasons(problem)
    for demand_id in sorted(moved):
        if demand_id in known:
            known[demand_id].is_excluded = demand_id not in wanted
        else:
            _add_by_hand(problem, demand_id)
    describe(problem, {str(demand_id): OpenDemand.of(d) for demand_id, d in published.items()})


def _moved(
    actor: Actor, problem: CommonProblem, wanted: set[UUID], published: Mapping[UUID, Demand]
) -> set[UUID]:
    """The demands that go in or out, if the actor may move them and leaves a problem behind."""
    if not wanted <= published.keys():
        raise invalid_field(
            "/demand_ids", "not_published", "只能包含已公开的需求", "Published demands alone"
        )
    moved = (wanted ^ {member.demand_id for member in present(problem)}) & published.keys()
    if not all(may_broker(actor, published[demand_id]) for demand_id in moved):
        raise Forbidden(OF_OTHERS)  # before what would tell whose they are
    if not _is_shared([published[demand_id] for demand_id in wanted]):
        raise invalid_field("/demand_ids", "not_shared", NOT_SHARED.zh, NOT_SHARED.en)
    known = {member.demand_id for member in problem.members}
    if not moved <= known and len(moved | known) > MOST_MEMBERS:
        raise invalid_field("/demand_ids", "too_long", TOO_MANY.zh, TOO_MANY.en)
    return moved


def _add_by_hand(problem: CommonProblem, demand_id: UUID) -> None:
    problem.members.append(
        ProblemMember(demand_id=demand_id, origin=Origin.ADDED, is_excluded=False, terms=[])
    )
    problem.likeness = Likeness.SIMILAR  # nobody has compared it


def _is_shared(found: Sequence[Demand]) -> bool:
    return len({OpenDemand.of(demand).enterprise for demand in found}) > 1
