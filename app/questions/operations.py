"""Government questions: raised and studied by the staff, with the opinions of experts."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import day_of, now
from app.experts.forgetting import take_out_of_words
from app.experts.models import Expert
from app.interface.errors import (
    NOT_IN_REGION,
    Conflict,
    Forbidden,
    NotFound,
    invalid_field,
)
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.organizations import access as organization_access
from app.organizations import repository as organizations
from app.organizations.actors import Actor
from app.organizations.models import Organization, OrganizationKind
from app.questions import repository
from app.questions.access import (
    allowed_actions,
    may_manage,
    may_read,
    own_consultation,
    parties_of,
    readable,
)
from app.questions.models import Consultation, Question, QuestionState
from app.questions.schemas import (
    Adoption,
    QuestionCreate,
    QuestionFields,
    QuestionQuery,
    QuestionSummary,
)
from app.questions.workflow import TRANSITIONS, settle
from app.scopes import Scope, borrowed
from app.transitions import next_state

SORTS = {"created_at": Question.created_at, "due_on": Question.due_on}
GIVEN_ALREADY = Text("意见已经提交", "The opinion was given already")
NO_OPINION = Text("尚无专家提交意见", "No expert has given an opinion yet")


async def raise_question(session: AsyncSession, actor: Actor, data: QuestionCreate) -> Question:
    """Put down what a government body wants to know, in a region that the actor manages."""
    region_code = actor.region_for(data.region_code)
    if region_code is None:
        raise invalid_field("/region_code", "missing", "请指明地区", "Name the region")
    question = Question(
        **data.model_dump(exclude={"region_code", "commissioning_body"}),
        region_code=region_code,
        commissioning_body=await _body(session, actor, data),
        state=QuestionState.RAISED,
        consultations=[],
    )
    if not may_manage(actor, question):
        raise Forbidden(NOT_IN_REGION)
    session.add(question)
    await session.flush()
    await _tell(session, actor, question, question.state)
    return await get(session, actor, question.id)


async def get(session: AsyncSession, actor: Actor, question_id: UUID) -> Question:
    """The question, if the actor may read it."""
    question = await repository.find(session, question_id)
    if question is None or not may_read(actor, question):
        raise NotFound()
    return question


async def hold(session: AsyncSession, actor: Actor, question_id: UUID) -> Question:
    """The question, locked, for the staff of its region."""
    return admitted(
        session,
        await repository.find(session, question_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_manage, actor),
    )


async def search(pages: Pages, actor: Actor, query: QuestionQuery) -> Page[QuestionSummary]:
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=lambda question: QuestionSummary.of(
            question, allowed_actions=allowed_actions(actor, question)
        ),
    )


async def amend(
    session: AsyncSession, actor: Actor, question_id: UUID, data: QuestionFields
) -> Question:
    """Put the question otherwise, or its deadline; whoever was asked reads it as it is now."""
    question = await hold(session, actor, question_id)
    next_state(TRANSITIONS, "amend", question.state, parties_of(actor, question))
    for name, value in data.model_dump().items():
        setattr(question, name, value)
    await session.flush()
    await _tell(session, actor, question, "amended")
    return question


async def move(
    session: AsyncSession, actor: Actor, question_id: UUID, verb: str, reason: str = ""
) -> Question:
    """Accept it, or decline it with the reason."""
    question, target = await _stepping(session, actor, question_id, verb)
    return await _enter(session, actor, question, target, reason)


async def conclude(session: AsyncSession, actor: Actor, question_id: UUID) -> Question:
    """No more opinions are taken, of which there is one at least."""
    question, target = await _stepping(session, actor, question_id, "conclude-study")
    if all(one.submitted_at is None for one in question.consultations):
        raise Conflict(NO_OPINION)
    return await _enter(session, actor, question, target)


async def report(session: AsyncSession, actor: Actor, question_id: UUID, text: str) -> Question:
    """Hand in what the staff have made of the opinions."""
    question, target = await _stepping(session, actor, question_id, "report")
    question.report = text
    return await _enter(session, actor, question, target)


async def adopt(
    session: AsyncSession, actor: Actor, question_id: UUID, data: Adoption, moment: datetime
) -> Question:
    """Put down what the body that asked has made of the report, and since when."""
    question, target = await _stepping(session, actor, question_id, "adopt")
    if data.adopted_on > day_of(moment):
        raise invalid_field("/adopted_on", "in_future", "日期不能晚于今天", "It is yet to come")
    question.adoption, question.adopted_on = data.adoption, data.adopted_on
    return await _enter(session, actor, question, target)


async def submit_opinion(
    session: AsyncSession, actor: Actor, question_id: UUID, opinion: str, moment: datetime
) -> Question:
    """Say what one thinks, once: nobody changes it afterwards, in the database neither.

    Whoever concludes the study waits, and counts it, or has done so before.
    """
    async with borrowed(session, Scope.SERVICE):  # its reader may not lock it
        await repository.hold_state(session, question_id)
    question = await get(session, actor, question_id)
    own = own_consultation(actor, question)
    next_state(TRANSITIONS, "submit-opinion", question.state, parties_of(actor, question))
    due = await repository.hold_consultation(session, own.id) if own else None
    if due is None:
        raise Conflict(GIVEN_ALREADY)
    due.opinion, due.submitted_at = opinion, moment
    await session.flush()
    await _tell_of(session, actor, due, "submitted")
    return question


async def leave(session: AsyncSession, expert: Expert, actor_id: UUID | None) -> list[UUID]:
    """Forget what an expert who is about to be erased was asked, and their words and name.

    That there was an opinion stays. Returns the questions' ids.
    """
    asked = await repository.of_expert(session, expert.id)
    for question in asked:
        for one in question.consultations:
            if one.expert_id == expert.id and one.submitted_at is None:
                await session.delete(one)
            elif one.expert_id == expert.id:
                one.opinion = ""
        take_out_of_words(question, ("report", "adoption", "state_reason"), expert)
        question.updated_at = now()
        await changes.append(session, "question.expert_left", question.id, actor_id=actor_id)
    await session.flush()
    return [question.id for question in asked]


async def _body(session: AsyncSession, actor: Actor, data: QuestionCreate) -> str:
    """What the body that asks is called. Raises Invalid for one that is none, or not named."""
    wanted = data.commissioning_organization_id
    if wanted is None and not data.commissioning_body:
        raise invalid_field("/commissioning_body", "missing", "请填写委托单位", "Name who asks")
    if wanted is None:
        return data.commissioning_body
    found = await organizations.find(session, wanted)
    if found is None or not _is_department(actor, found):
        raise invalid_field(
            "/commissioning_organization_id",
            "no_department",
            "须为政府部门",
            "Not a government department",
        )
    return found.name


def _is_department(actor: Actor, organization: Organization) -> bool:
    is_one = organization.kind is OrganizationKind.GOVERNMENT_DEPARTMENT
    return is_one and organization_access.may_read(actor, organization)


async def _stepping(
    session: AsyncSession, actor: Actor, question_id: UUID, verb: str
) -> tuple[Question, QuestionState]:
    """The question, locked, and the state that the verb leads it to."""
    question = await hold(session, actor, question_id)
    return question, next_state(TRANSITIONS, verb, question.state, parties_of(actor, question))


async def _enter(
    session: AsyncSession, actor: Actor, question: Question, state: QuestionState, reason: str = ""
) -> Question:
    settle(question, state, reason)
    await session.flush()
    await _tell(session, actor, question, state)
    return question


async def _tell(session: AsyncSession, actor: Actor, question: Question, what: str) -> None:
    await changes.append(session, f"question.{what}", question.id, actor_id=actor.account_id)


async def _tell_of(
    session: AsyncSession, actor: Actor, consultation: Consultation, what: str
) -> None:
    data: dict[str, Any] = {"question_id": str(consultation.question_id)}
    kind = f"consultation.{what}"
    await changes.append(session, kind, consultation.id, actor_id=actor.account_id, data=data)
