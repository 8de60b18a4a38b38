"""HTTP for common problems."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.interface.admission import limited
from app.interface.language import LanguageDep
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.matches.limits import LimitsDep
from app.organizations.actors import CurrentActor, StaffActor
from app.problems import joint_work, operations, presentation, signing
from app.problems.schemas import (
    Acceptance,
    AnswerOf,
    CommonProblemBody,
    CommonProblemQuery,
    CommonProblemSummary,
    CommonProblemUpdate,
    CoSigning,
    Dismissal,
    JointTeam,
    Merging,
    SigningConclusion,
)
from app.progress.accepting import AcceptedDep
from app.progress.schemas import OperationBody

router = DomainRouter("common-problems")


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
    """共性技术难题列表 · For staff those with a demand of their region, and published ones.

    An enterprise sees published ones and, once confirmed, those that its own demand is in; an
    evaluator all that are confirmed; an expert those that are published.
    """
    return await operations.search(pages, actor, query)


@router.get("/common-problems/{problem_id:uuid}")
async def read_common_problem(
    session: SessionDep, actor: CurrentActor, language: LanguageDep, problem_id: UUID
) -> CommonProblemBody:
    """共性技术难题详情 · Its demands by their public part, who has signed, who works on it."""
    problem = await operations.get(session, actor, problem_id)
    return await presentation.show(session, actor, problem, language)


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
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:confirm")
async def confirm_common_problem(
    session: SessionDep, actor: StaffActor, language: LanguageDep, problem_id: UUID
) -> CommonProblemBody:
    """确认 · It is one problem; from now on its enterprises see it."""
    problem = await operations.move(session, actor, problem_id, "confirm")
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:dismiss")
async def dismiss_common_problem(
    session: SessionDep, actor: StaffActor, language: LanguageDep, problem_id: UUID, data: Dismissal
) -> CommonProblemBody:
    """不予立项 · It is none, with the reason; proposed again only with a further demand."""
    problem = await operations.move(session, actor, problem_id, "dismiss", data.reason)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:reopen")
async def reopen_common_problem(
    session: SessionDep, actor: StaffActor, language: LanguageDep, problem_id: UUID
) -> CommonProblemBody:
    """重新考虑 · What was dismissed is a proposal again."""
    problem = await operations.move(session, actor, problem_id, "reopen")
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:co-sign")
async def co_sign_common_problem(
    session: SessionDep,
    actor: CurrentActor,
    language: LanguageDep,
    problem_id: UUID,
    data: CoSigning,
) -> CommonProblemBody:
    """联署 · The enterprise takes part for a share of the cost, and may sign anew."""
    problem = await signing.answer(session, actor, problem_id, data)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:decline")
async def decline_common_problem(
    session: SessionDep,
    actor: CurrentActor,
    language: LanguageDep,
    problem_id: UUID,
    data: AnswerOf,
) -> CommonProblemBody:
    """不参加 · The enterprise takes no part; it may think better of it until it is concluded."""
    problem = await signing.answer(session, actor, problem_id, data)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:conclude-signing")
async def conclude_signing(
    session: SessionDep,
    actor: StaffActor,
    language: LanguageDep,
    problem_id: UUID,
    data: SigningConclusion,
) -> CommonProblemBody:
    """完成联署 · Two enterprises or more have signed, for 100 % in all; one of them leads."""
    problem = await signing.conclude(session, actor, problem_id, data)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:merge")
async def merge_common_problem(
    session: SessionDep,
    actor: StaffActor,
    language: LanguageDep,
    problem_id: UUID,
    data: Merging,
) -> CommonProblemBody:
    """合并 · The co-signers' demands become one problem, in words for all."""
    problem = await joint_work.merge(session, actor, problem_id, data)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:publish")
async def publish_common_problem(
    session: SessionDep,
    actor: StaffActor,
    language: LanguageDep,
    problem_id: UUID,
) -> CommonProblemBody:
    """发布 · Everybody signed in reads title and statement from now on."""
    problem = await operations.move(session, actor, problem_id, "publish")
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:form-team")
async def form_joint_team(
    session: SessionDep,
    actor: StaffActor,
    language: LanguageDep,
    limits: LimitsDep,
    problem_id: UUID,
    data: JointTeam,
) -> CommonProblemBody:
    """组建攻关团队 · Name the experts as a whole; 409 tells who is not to be asked now, and why."""
    problem = await joint_work.form_team(session, actor, problem_id, data, limits)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:begin-work")
async def begin_joint_work(
    session: SessionDep,
    actor: StaffActor,
    language: LanguageDep,
    problem_id: UUID,
) -> CommonProblemBody:
    """开始攻关 · The joint team is at work."""
    problem = await joint_work.begin(session, actor, problem_id)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:accept")
async def accept_joint_work(
    session: SessionDep,
    actor: CurrentActor,
    language: LanguageDep,
    problem_id: UUID,
    data: Acceptance,
) -> CommonProblemBody:
    """验收 · The lead enterprise, or staff, says what was worked out."""
    problem = await operations.move(session, actor, problem_id, "accept", data.reason)
    return await presentation.show(session, actor, problem, language)


@router.post("/common-problems/{problem_id:uuid}:end")
async def end_common_problem(
    session: SessionDep,
    actor: StaffActor,
    language: LanguageDep,
    problem_id: UUID,
    data: Reason,
) -> CommonProblemBody:
    """终止 · It comes to nothing, with the reason; its enterprises read it."""
    problem = await operations.move(session, actor, problem_id, "end", data.reason)
    return await presentation.show(session, actor, problem, language)
