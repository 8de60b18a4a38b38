"""HTTP for common problems."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.interface.admission import limited
from app.interface.language import LanguageDep
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import conventional_router
from app.organizations.actors import CurrentActor, StaffActor
from app.problems import operations
from app.problems.schemas import (
    CommonProblemBody,
    CommonProblemQuery,
    CommonProblemSummary,
    CommonProblemUpdate,
    Dismissal,
)
from app.progress.accepting import AcceptedDep
from app.progress.schemas import OperationBody

router = conventional_router("common-problems")


@router.post("/common-problems:propose", status_code=status.HTTP_202_ACCEPTED)
@limited(RateClass.EXPENSIVE)
async def propose_common_problems(
    session: SessionDep, actor: StaffActor, accepted: AcceptedDep
) -> OperationBody:
    """查找共性技术难题 · Compare all published demands now, as every night."""
    return accepted.show(await operations.ask_for_proposals(session, actor))


@router.get("/common-problems")
async def list_common_problems(
    pages: PagesDep, actor: CurrentActor, query: Annotated[CommonProblemQuery, Query()]
) -> Page[CommonProblemSummary]:
    """共性技术难题列表 · For staff those with a demand of their region, else confirmed ones.

    An enterprise sees those that its own demand is in, an evaluator all that are confirmed.
    """
    return await operations.search(pages, actor, query)


@router.get("/common-problems/{problem_id:uuid}")
async def read_common_problem(
    session: SessionDep, actor: CurrentActor, language: LanguageDep, problem_id: UUID
) -> CommonProblemBody:
    """共性技术难题详情 · Its demands by their public part, each with the reason."""
    problem = await operations.get(session, actor, problem_id)
    return await operations.show(session, actor, problem, language)


@router.patch("/common-problems/{problem_id:uuid}")
async def update_common_problem(
    session: SessionDep,
    actor: StaffActor,
    language: LanguageDep,
    problem_id: UUID,
    data: CommonProblemUpdate,
) -> CommonProblemBody:
    """修改建议 · Title, statement and demands of a proposal, before it is decided on."""
    problem = await operations.update(session, actor, problem_id, data)
    return await operations.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:confirm")
async def confirm_common_problem(
    session: SessionDep, actor: StaffActor, language: LanguageDep, problem_id: UUID
) -> CommonProblemBody:
    """确认 · It is one problem; from now on its enterprises see it."""
    problem = await operations.move(session, actor, problem_id, "confirm")
    return await operations.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:dismiss")
async def dismiss_common_problem(
    session: SessionDep, actor: StaffActor, language: LanguageDep, problem_id: UUID, data: Dismissal
) -> CommonProblemBody:
    """不予立项 · It is none, with the reason; proposed again only with a further demand."""
    problem = await operations.move(session, actor, problem_id, "dismiss", data.reason)
    return await operations.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:reopen")
async def reopen_common_problem(
    session: SessionDep, actor: StaffActor, language: LanguageDep, problem_id: UUID
) -> CommonProblemBody:
    """重新考虑 · What was dismissed is a proposal again."""
    problem = await operations.move(session, actor, problem_id, "reopen")
    return await operations.show(session, actor, problem, language)
