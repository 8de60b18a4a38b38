"""Whom a question is put to: experts of the pool whom nothing forbids to ask.

To be asked for an opinion uses up no invitation of a year and needs no rest; who is not to be
contacted now is not.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import day_of
from app.experts.models import Expert
from app.interface.errors import Conflict, Invalid
from app.interface.language import Text
from app.interface.validation import FieldError
from app.matches.availability import NOT_IN_POOL, objections_to, told
from app.matches.constraints import constraints_of
from app.matches.schemas import MatchParameters
from app.organizations.actors import Actor
from app.questions import repository
from app.questions.access import parties_of
from app.questions.models import Consultation, Question
from app.questions.operations import hold
from app.questions.workflow import TRANSITIONS
from app.scopes import Scope, borrowed
from app.transitions import next_state
from matching import Limits

MOST_CONSULTED = 50
TOO_MANY = Text(
    f"一个问题最多咨询 {MOST_CONSULTED} 位专家", f"At most {MOST_CONSULTED} experts a question"
)
AGAINST = "do_not_contact"


async def consult(
    session: AsyncSession,
    actor: Actor,
    question_id: UUID,
    expert_ids: Sequence[UUID],
    limits: Limits,
    moment: datetime,
) -> Question:
    """Ask experts for their opinion; who was asked before is not asked again.

    They are held before the question, as in erasure.
    """
    async with borrowed(session, Scope.JUDGING):
        people = await repository.held_people(session, expert_ids)
    question = await hold(session, actor, question_id)
    next_state(TRANSITIONS, "consult", question.state, parties_of(actor, question))
    _require_known(expert_ids, people)
    asked = {one.expert_id for one in question.consultations}
    new = [people[one] for one in dict.fromkeys(expert_ids) if one not in asked]
    if len(asked) + len(new) > MOST_CONSULTED:
        raise Conflict(TOO_MANY)
    await _require_contactable(session, new, limits, day_of(moment), expert_ids)
    for expert in new:
        consultation = Consultation(question_id=question.id, expert_id=expert.id, opinion="")
        session.add(consultation)
        await session.flush()
        await changes.append(
            session, "consultation.requested", consultation.id, actor_id=actor.account_id
        )
    return await hold(session, actor, question_id)  # with whom it asks now


def _require_known(expert_ids: Sequence[UUID], people: Mapping[UUID, Expert]) -> None:
    """Raises Invalid, which names whoever is not in the pool."""
    faults = [
        FieldError(pointer=f"/expert_ids/{place}", code="not_in_pool", message=NOT_IN_POOL)
        for place, expert_id in enumerate(expert_ids)
        if expert_id not in people
    ]
    if faults:
        raise Invalid(errors=faults)


async def _require_contactable(
    session: AsyncSession,
    people: Sequence[Expert],
    limits: Limits,
    on: date,
    expert_ids: Sequence[UUID],
) -> None:
    """Raises Conflict, which names whoever is not to be contacted that day."""
    constraints = await constraints_of(session, MatchParameters(on=on), limits)
    found = await objections_to(session, people, constraints)
    faults = [
        FieldError(
            pointer=f"/expert_ids/{expert_ids.index(expert.id)}",
            code=objection.reason,
            message=told(objection).message,
        )
        for expert, objections in zip(people, found, strict=True)
        for objection in objections
        if objection.reason == AGAINST
    ]
    if faults:
        raise Conflict(faults[0].message, errors=faults)
