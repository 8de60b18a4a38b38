"""Who may see and touch a docking: the enterprise, the invited expert, the demand's staff."""

from sqlalchemy import ColumnElement, and_, or_

from app.demands import access as demand_access
from app.dockings.models import Docking, Part, Side
from app.dockings.workflow import TRANSITIONS, WITHOUT_RESULT
from app.experts import access as expert_access
from app.experts.models import Expert
from app.interface.errors import Forbidden
from app.interface.language import Text
from app.organizations.actors import Actor
from app.transitions import Party, possible_verbs

NOT_FOR_OTHERS = Text("只有工作人员可以代为登记", "Only staff note down others' words")


def parties_of(actor: Actor, docking: Docking) -> set[Party]:
    """As for its demand; the expert is one only from the first invitation on."""
    parties = demand_access.parties_of(actor, docking.demand)
    is_invited = docking.invited_at is not None and expert_access.is_own(actor, docking.expert)
    return parties | ({Party.PERSON} if is_invited else set())


def may_read(actor: Actor, docking: Docking) -> bool:
    return bool(parties_of(actor, docking))


def may_touch(actor: Actor, docking: Docking) -> bool:
    """A partner, with whom the demand is shared, only reads."""
    return bool(parties_of(actor, docking) - {Party.PARTNER})


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    is_invited = and_(Expert.account_id == actor.account_id, Docking.invited_at.is_not(None))
    return or_(demand_access.readable_in_full(actor), is_invited)


def speaks_for(actor: Actor, docking: Docking, on_behalf_of: Side | None) -> Side:
    """Whose step it is that the actor takes: their own side's, or that whose word they note down.

    Raises Forbidden where somebody speaks for another who is not of the staff.
    """
    if on_behalf_of is None:
        return own_side(actor, docking)
    if Party.STAFF not in parties_of(actor, docking):
        raise Forbidden(NOT_FOR_OTHERS)
    return on_behalf_of


def own_side(actor: Actor, docking: Docking) -> Side:
    """The side of one of the docking's parties."""
    parties = parties_of(actor, docking)
    if Party.PERSON in parties:
        return Side.EXPERT
    return Side.ENTERPRISE if Party.ORGANIZATION in parties else Side.STAFF


def reads_as_staff(actor: Actor, docking: Docking) -> bool:
    """Who is told what the two sides are not: the match's rank, what staff wrote for each other."""
    return bool(parties_of(actor, docking) & {Party.STAFF, Party.PARTNER})


def may_name_readers(actor: Actor, docking: Docking) -> bool:
    """Who has read something is told by name: the expert learns no names before contacts."""
    return own_side(actor, docking) is not Side.EXPERT or are_contacts_released(docking)


def rated_sides(actor: Actor, docking: Docking) -> set[Side]:
    """Whose ratings the actor reads: their own side's, or as staff both."""
    if reads_as_staff(actor, docking):
        return {Side.EXPERT, Side.ENTERPRISE}
    sides = {Party.PERSON: Side.EXPERT, Party.ORGANIZATION: Side.ENTERPRISE}
    return {sides[party] for party in parties_of(actor, docking)}


def allowed_actions(actor: Actor, docking: Docking) -> list[str]:
    """What the actor may do with this docking now."""
    return possible_verbs(TRANSITIONS, docking.state, parties_of(actor, docking))


def may_withdraw(actor: Actor, docking: Docking, part: Part) -> bool:
    """Take back what one's own side has handed in; staff do so for both."""
    return may_touch(actor, docking) and own_side(actor, docking) in (part.side, Side.STAFF)


def is_text_released(docking: Docking) -> bool:
    """Whether its expert may read the demand in full."""
    is_accepted = docking.confidentiality_accepted_at is not None
    return is_accepted and docking.state not in WITHOUT_RESULT


def are_contacts_released(docking: Docking) -> bool:
    """Whether both sides have accepted the invitation, and neither has left since."""
    accepted = (docking.expert_accepted_at, docking.enterprise_accepted_at)
    return None not in accepted and docking.state not in WITHOUT_RESULT
