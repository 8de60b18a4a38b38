"""Every SELECT on government questions."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app import queries
from app.questions.models import Consultation, Question
from app.questions.schemas import QuestionQuery
from app.questions.workflow import CLOSED
from app.regions import in_region

EQUALS = ("state", "commissioning_organization_id")
# Of a profile that the reader may not see there is none here.
WITH_EXPERTS = selectinload(Question.consultations).joinedload(Consultation.expert)


async def find(
    session: AsyncSession, question_id: UUID, *, is_for_update: bool = False
) -> Question | None:
    """The question with whom it asks, as far as the scope shows that; see `queries.find`."""
    return await queries.find(
        session, Question, question_id, is_for_update=is_for_update, options=[WITH_EXPERTS]
    )


def listed(query: QuestionQuery, readable: ColumnElement[bool]) -> Select[Question]:
    """Readable questions that meet the filters."""
    wanted = queries.equals(Question, query, EQUALS)
    if query.is_open is not None:
        is_closed = Question.state.in_(CLOSED)
        wanted.append(~is_closed if query.is_open else is_closed)
    if query.region_code is not None:
        wanted.append(in_region(Question.region_code, query.region_code))
    if query.expert_id is not None:
        is_asked = (Consultation.question_id == Question.id) & (
            Consultation.expert_id == query.expert_id
        )
        wanted.append(exists().where(is_asked))
    if query.due_on_gte is not None:
        wanted.append(Question.due_on >= query.due_on_gte)
    if query.due_on_lte is not None:
        wanted.append(Question.due_on <= query.due_on_lte)
    return select(Question).options(WITH_EXPERTS).where(readable, *wanted)


async def hold_state(session: AsyncSession, question_id: UUID) -> None:
    """Let the question take no step until the transaction ends."""
    statement = select(Question.state).where(Question.id == question_id)
    await session.execute(statement.with_for_update(read=True))


async def hold_consultation(session: AsyncSession, consultation_id: UUID) -> Consultation | None:
    """One that is not submitted, locked, for its author."""
    is_due = (Consultation.id == consultation_id, Consultation.submitted_at.is_(None))
    return await session.scalar(select(Consultation).where(*is_due).with_for_update())


async def of_expert(session: AsyncSession, expert_id: UUID) -> Sequence[Question]:
    """What an expert was asked, locked in the order of their ids."""
    is_asked = exists().where(
        Consultation.question_id == Question.id, Consultation.expert_id == expert_id
    )
    statement = select(Question).where(is_asked).options(selectinload(Question.consultations))
    return (
        await session.scalars(statement.order_by(Question.id).with_for_update(of=Question))
    ).all()
