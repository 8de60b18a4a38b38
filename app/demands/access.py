"""Who may see and touch a demand."""

from sqlalchemy import ColumnElement, or_

from app.demands.models import Demand, DemandState
from app.demands.workflow import EDITABLE, TRANSITIONS
from app.lifecycle import Party, possible_verbs
from app.organizations.access import POOL_READERS, Actor
from app.regions import in_scope


def parties_of(actor: Actor, demand: Demand) -> set[Party]:
    """In which capacities the actor touches this demand."""
    held = {
        Party.ORGANIZATION: actor.acts_for(demand.organization_id),
        Party.STAFF: actor.manages_region(demand.region_code),
    }
    return {party for party, is_held in held.items() if is_held}


def may_read(actor: Actor, demand: Demand) -> bool:
    """Published demands are open, as a summary, to all staff and evaluators."""
    is_open = demand.state is DemandState.PUBLISHED and actor.role in POOL_READERS
    return is_open or may_read_in_full(actor, demand)


def may_read_in_full(actor: Actor, demand: Demand) -> bool:
    """The enterprise, and the staff of the demand's region."""
    return bool(parties_of(actor, demand))


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    in_full = readable_in_full(actor)
    if actor.role not in POOL_READERS:
        return in_full
    return or_(in_full, Demand.state == DemandState.PUBLISHED)


def readable_in_full(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read_in_full`, in SQL."""
    own = Demand.organization_id.in_(actor.organization_ids)
    return or_(own, in_staffs_scope(actor)) if actor.is_staff else own


def in_staffs_scope(actor: Actor) -> ColumnElement[bool]:
    """Demands that the actor, who is staff, manages."""
    return in_scope(Demand.region_code, actor.scope)


def allowed_actions(actor: Actor, demand: Demand) -> list[str]:
    """What the actor may do with this demand now."""
    parties = parties_of(actor, demand)
    actions = ["update"] if parties and demand.state in EDITABLE else []
    return actions + possible_verbs(TRANSITIONS, demand.state, parties)
