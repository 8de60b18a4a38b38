"""A question as its reader sees it."""

from app.experts import access as expert_access
from app.matches.schemas import MatchedExpert
from app.organizations.actors import Actor
from app.questions.access import allowed_actions, may_read_opinion, may_read_report
from app.questions.models import Consultation, Question
from app.questions.schemas import ConsultationBody, QuestionBody


def show(actor: Actor, question: Question) -> QuestionBody:
    """The question, with as much of what came of it as the actor may read."""
    reads_report = may_read_report(actor, question)
    return QuestionBody.of(
        question,
        report=question.report if reads_report else None,
        adoption=question.adoption if reads_report else None,
        consultations=[
            _show_consultation(actor, one)
            for one in question.consultations
            if may_read_opinion(actor, question, one)
        ],
        allowed_actions=allowed_actions(actor, question),
    )


def _show_consultation(actor: Actor, one: Consultation) -> ConsultationBody:
    """With the card of whoever is in the pool, or the reader's to know otherwise."""
    is_known = one.expert is not None and expert_access.may_read(actor, one.expert)
    card = MatchedExpert.model_validate(one.expert) if is_known else None
    return ConsultationBody(
        id=one.id, expert=card, opinion=one.opinion, submitted_at=one.submitted_at
    )
