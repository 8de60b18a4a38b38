"""Who may see and touch a service record: the parties of its docking; or, of a service that a
corps has rendered without one, who renders it, the staff of the corps, and the enterprise."""

from sqlalchemy import ColumnElement, and_, or_

from app.corps import access as corps_access
from app.corps.models import Corps
from app.dockings import access as docking_access
from app.dockings.models import Side
from app.dockings.services.models import ServiceRecord
from app.dockings.services.workflow import TRANSITIONS
from app.interface.errors import Forbidden
from app.organizations.actors import Actor
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, service: ServiceRecord) -> set[Party]:
    """In which capacities the actor touches this record; who renders a service confirms none."""
    if service.docking is not None:
        return docking_access.parties_of(actor, service.docking)
    parties = _parties_in(actor, service.corps)
    is_served = actor.acts_for(service.organization_id) and Party.PERSON not in parties
    return parties | ({Party.ORGANIZATION} if is_served else set())


def _parties_in(actor: Actor, corps: Corps | None) -> set[Party]:
    """The lead society reads what its corps' services come to, and not each of them."""
    parties = corps_access.parties_of(actor, corps) if corps is not None else set()
    return parties & {Party.PERSON, Party.STAFF}


def may_read(actor: Actor, service: ServiceRecord) -> bool:
    return bool(parties_of(actor, service))


def may_touch(actor: Actor, service: ServiceRecord) -> bool:
    """A partner, with whom a demand is shared, only reads."""
    return bool(parties_of(actor, service) - {Party.PARTNER})


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    of_corps = or_(
        ServiceRecord.organization_id.in_(actor.organization_ids), corps_access.has_member(actor)
    )
    if actor.is_staff:
        of_corps = or_(of_corps, corps_access.in_staffs_jurisdiction(actor))
    in_docking = ServiceRecord.docking_id.is_not(None)
    return or_(and_(in_docking, docking_access.readable(actor)), and_(~in_docking, of_corps))


def side_in(actor: Actor, corps: Corps) -> Side:
    """Whose word a service of a corps is: its members', or that of the staff."""
    return Side.EXPERT if Party.PERSON in _parties_in(actor, corps) else Side.STAFF


def speaks_for_enterprise(actor: Actor, service: ServiceRecord, on_behalf_of: Side | None) -> bool:
    """Whether it is the enterprise's word that the actor gives: its own, or noted by staff.

    Raises Forbidden where somebody speaks for another who is not of the staff.
    """
    parties = parties_of(actor, service)
    if on_behalf_of is None:
        return Party.ORGANIZATION in parties and Party.PERSON not in parties
    if Party.STAFF not in parties:
        raise Forbidden(docking_access.NOT_FOR_OTHERS)
    return on_behalf_of is Side.ENTERPRISE


def allowed_actions(actor: Actor, service: ServiceRecord) -> list[str]:
    """What the actor may do with this record now."""
    return possible_verbs(TRANSITIONS, service.state, parties_of(actor, service))
