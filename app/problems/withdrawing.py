"""What is not published any more leaves every problem, decided on or not, and its words with it.

What enterprises have signed for stands all the same: whether to go on without it, people decide.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.problems import repository
from app.problems.models import UNDERTAKEN, CommonProblem
from app.problems.proposing import describe, forget_reasons, lapse, place, present
from app.problems.similarity import OpenDemand, load_open
from app.problems.workflow import keep_answers
from app.scopes import Scope, Sessions, borrowed, within


async def forget_all_withdrawn(sessions: Sessions) -> None:
    """Look through all problems: a withdrawal in the moment of a proposal is found by this."""
    async with within(sessions, Scope.PROBLEMS)() as session:
        held = await repository.held_demands(session)
    async with within(sessions, Scope.INDEX)() as session:
        published = await load_open(session, held)
    gone = [demand_id for demand_id in held if str(demand_id) not in published]
    await forget_withdrawn(sessions, gone)


async def forget_withdrawn(sessions: Sessions, demand_ids: Sequence[UUID]) -> None:
    """Take these demands out of their problems, unless they are published.

    What is left is described anew and compared by the next night; what is of one enterprise lapses,
    unless it is undertaken.
    """
    async with within(sessions, Scope.PROBLEMS).begin() as session:
        problems = await repository.find_holding(session, demand_ids)
        held = {member.demand_id for problem in problems for member in present(problem)}
        async with borrowed(session, Scope.INDEX):
            published = await load_open(session, sorted(held))
        for problem in problems:
            await _let_go(session, problem, published)


async def _let_go(
    session: AsyncSession, problem: CommonProblem, published: Mapping[str, OpenDemand]
) -> None:
    members = {str(member.demand_id) for member in present(problem)}
    left = members & published.keys()
    if left == members:
        return
    is_shared = len({published[demand_id].enterprise for demand_id in left}) > 1
    if not is_shared and problem.state not in UNDERTAKEN:
        await lapse(session, problem)
        return
    told = place(problem, left)
    forget_reasons(problem)
    describe(problem, published)
    keep_answers(problem)
    await changes.append(session, "common_problem.updated", problem.id, data=told)
