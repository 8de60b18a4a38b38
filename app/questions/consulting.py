"""Whom a question is put to: experts of the pool whom nothing forbids to ask.

To be asked for an opinion uses up no invitation of a year and needs no rest; who is not to be
contacted now is not.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import day_of, now
from app.experts.invitations import hold_people
from app.interface.errors import Conflict, Invalid
from app.interface.language import Text
from app.matches.constraints import constraints_of
from app.matches.groups import faults_of_named, require_all_available
from app.matches.schemas import MatchParameters
from app.organizations.actors import Actor
from app.questions.access import parties_of
from app.questions.models import Consultation, Question
from app.questions.operations import hold
from app.questions.workflow import TRANSITIONS
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
    people = await hold_people(session, expert_ids)
    question = await hold(session, actor, question_id)
    next_state(TRANSITIONS, "consult", question.state, parties_of(actor, question))
    if faults := faults_of_named(expert_ids, people, pointer="/expert_ids/{place}"):
        raise Invalid(errors=faults)
    asked = {one.expert_id for one in question.consultations}
    new = {
        f"/expert_ids/{place}": people[one]
        for place, one in enumerate(expert_ids)
        if one not in asked
    }
    if len(asked) + len(new) > MOST_CONSULTED:
        raise Conflict(TOO_MANY)
    constraints = await constraints_of(session, MatchParameters(on=day_of(moment)), limits)
    await require_all_available(session, new, people, constraints, only=AGAINST)
    for expert in new.values():
        consultation = Consultation(expert=expert, opinion="")
        question.consultations.append(consultation)
        await session.flush()
        await changes.append(
            session, "consultation.requested", consultation.id, actor_id=actor.account_id
        )
    question.updated_at = now()  # whoever saw whom it asks saw another version
    await session.flush()
    return question
