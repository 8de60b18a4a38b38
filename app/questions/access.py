"""Who may see and touch a question: staff of its region, the body that asks, whom it asks."""

from sqlalchemy import ColumnElement, exists, or_

from app.experts import access as expert_access
from app.organizations.actors import Actor
from app.questions.models import Consultation, Question
from app.questions.workflow import TRANSITIONS
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, question: Question) -> set[Party]:
    """The organization is the government department that asks."""
    held = {
        Party.STAFF: actor.manages_region(question.region_code),
        Party.ORGANIZATION: actor.acts_for(question.commissioning_organization_id),
        Party.PERSON: own_consultation(actor, question) is not None,
    }
    return {party for party, is_held in held.items() if is_held}


def own_consultation(actor: Actor, question: Question) -> Consultation | None:
    """The actor's own; of those of others the profile may not be there."""
    own = (one for one in question.consultations if expert_access.is_own(actor, one.expert))
    return next(own, None)


def may_read(actor: Actor, question: Question) -> bool:
    return bool(parties_of(actor, question))


def may_manage(actor: Actor, question: Question) -> bool:
    return Party.STAFF in parties_of(actor, question)


def may_read_report(actor: Actor, question: Question) -> bool:
    """Whoever gives an opinion is not told what comes of all of them."""
    return bool(parties_of(actor, question) & {Party.STAFF, Party.ORGANIZATION})


def may_read_opinion(actor: Actor, question: Question, consultation: Consultation) -> bool:
    """Its author, and the staff of the question's region."""
    return expert_access.is_own(actor, consultation.expert) or may_manage(actor, question)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    if actor.is_staff:
        return in_jurisdiction(Question.region_code, actor.jurisdiction)
    is_asked = exists().where(
        Consultation.question_id == Question.id,
        expert_access.is_actors(actor, Consultation.expert_id),
    )
    own = Question.commissioning_organization_id.in_(actor.organization_ids)
    return or_(own, is_asked)


def allowed_actions(actor: Actor, question: Question) -> list[str]:
    """What the actor may do with this question now; an opinion is given once."""
    verbs = possible_verbs(TRANSITIONS, question.state, parties_of(actor, question))
    own = own_consultation(actor, question)
    if own is not None and own.submitted_at is not None:
        verbs = [verb for verb in verbs if verb != "submit-opinion"]
    return verbs
