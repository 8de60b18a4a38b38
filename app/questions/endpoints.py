"""HTTP for government questions."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.clock import MomentDep
from app.database import SessionDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.matches.limits import LimitsDep
from app.organizations.actors import CurrentActor, StaffActor
from app.questions import consulting, operations
from app.questions.presentation import show
from app.questions.schemas import (
    Adoption,
    Consulting,
    OpinionGiven,
    QuestionBody,
    QuestionCreate,
    QuestionFields,
    QuestionQuery,
    QuestionSummary,
    Report,
)

router = DomainRouter("questions")


@router.post("/questions", status_code=status.HTTP_201_CREATED)
async def raise_question(
    session: SessionDep, actor: StaffActor, data: QuestionCreate
) -> QuestionBody:
    """提出政府战略需求 · What a government body wants to know, and by when."""
    return show(actor, await operations.raise_question(session, actor, data))


@router.get("/questions")
async def list_questions(
    pages: PagesDep, actor: CurrentActor, query: Annotated[QuestionQuery, Query()]
) -> Page[QuestionSummary]:
    """政府战略需求列表 · For staff those of their region; else those one asks, or is asked."""
    return await operations.search(pages, actor, query)


@router.get("/questions/{question_id:uuid}")
async def read_question(
    session: SessionDep, actor: CurrentActor, question_id: UUID
) -> QuestionBody:
    """政府战略需求详情 · To an expert with their own opinion, to staff with all of them."""
    return show(actor, await operations.get(session, actor, question_id))


@router.post("/questions/{question_id:uuid}:amend")
async def amend_question(
    session: SessionDep, actor: StaffActor, question_id: UUID, data: QuestionFields
) -> QuestionBody:
    """修改 · Question, deliverable and deadline as a whole, until it is studied."""
    return show(actor, await operations.amend(session, actor, question_id, data))


@router.post("/questions/{question_id:uuid}:accept")
async def accept_question(
    session: SessionDep, actor: StaffActor, question_id: UUID
) -> QuestionBody:
    """受理 · Experts may be asked from now on."""
    return show(actor, await operations.move(session, actor, question_id, "accept"))


@router.post("/questions/{question_id:uuid}:decline")
async def decline_question(
    session: SessionDep, actor: StaffActor, question_id: UUID, data: Reason
) -> QuestionBody:
    """不予受理或采纳 · It ends here, with the reason."""
    return show(actor, await operations.move(session, actor, question_id, "decline", data.reason))


@router.post("/questions/{question_id:uuid}:consult")
async def consult_experts(
    session: SessionDep,
    actor: StaffActor,
    limits: LimitsDep,
    moment: MomentDep,
    question_id: UUID,
    data: Consulting,
) -> QuestionBody:
    """咨询专家 · Ask experts for their opinion; 409 tells who is not to be contacted."""
    return show(
        actor,
        await consulting.consult(session, actor, question_id, data.expert_ids, limits, moment),
    )


@router.post("/questions/{question_id:uuid}:submit-opinion")
async def submit_opinion(
    session: SessionDep,
    actor: CurrentActor,
    moment: MomentDep,
    question_id: UUID,
    data: OpinionGiven,
) -> QuestionBody:
    """提交意见 · An expert who was asked says what they think, once."""
    return show(
        actor,
        await operations.submit_opinion(session, actor, question_id, data.opinion, moment),
    )


@router.post("/questions/{question_id:uuid}:conclude-study")
async def conclude_study(session: SessionDep, actor: StaffActor, question_id: UUID) -> QuestionBody:
    """完成研究 · No more opinions are taken, of which there is one at least."""
    return show(actor, await operations.conclude(session, actor, question_id))


@router.post("/questions/{question_id:uuid}:report")
async def report_on_question(
    session: SessionDep, actor: StaffActor, question_id: UUID, data: Report
) -> QuestionBody:
    """报送 · What the staff have made of the opinions; the body that asks reads it."""
    return show(actor, await operations.report(session, actor, question_id, data.report))


@router.post("/questions/{question_id:uuid}:adopt")
async def adopt_report(
    session: SessionDep, actor: StaffActor, moment: MomentDep, question_id: UUID, data: Adoption
) -> QuestionBody:
    """采纳 · What came of the report, and on which day."""
    return show(actor, await operations.adopt(session, actor, question_id, data, moment))
