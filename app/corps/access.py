"""Who may see and touch a corps: staff of its region, its lead society, its members; once it is
dispatched, also whom it may serve."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, true

from app.accounts.models import POOL_READERS
from app.corps.models import Corps, CorpsMember
from app.corps.workflow import EDITABLE, TRANSITIONS
from app.experts import access as expert_access
from app.organizations.actors import Actor
from app.organizations.models import Organization
from app.regions import in_jurisdiction, prefix_of
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, corps: Corps) -> set[Party]:
    """In which capacities the actor touches this corps."""
    held = {
        Party.PERSON: any(expert_access.is_own(actor, m.expert) for m in corps.members),
        Party.ORGANIZATION: actor.acts_for(corps.lead_organization_id),
        Party.STAFF: actor.manages_region(corps.region_code),
    }
    return {party for party, is_held in held.items() if is_held}


def may_manage(actor: Actor, corps: Corps) -> bool:
    return Party.STAFF in parties_of(actor, corps)


def may_read_in_full(actor: Actor, corps: Corps) -> bool:
    """Also how it was evaluated; others see the public face of one that was dispatched."""
    return bool(parties_of(actor, corps))


def readable(actor: Actor) -> ColumnElement[bool]:
    """Whether the actor may read a corps: all staff and evaluators, and the enterprises of the
    regions served, once it is dispatched."""
    own = or_(Corps.lead_organization_id.in_(actor.organization_ids), has_member(actor))
    if actor.is_staff:
        own = or_(own, in_staffs_jurisdiction(actor))
    is_open = true() if actor.role in POOL_READERS else _serves(actor.organization_ids)
    return or_(own, and_(Corps.dispatched_at.is_not(None), is_open))


def has_member(actor: Actor) -> ColumnElement[bool]:
    """Whether the actor is in the corps."""
    return exists().where(
        CorpsMember.corps_id == Corps.id, expert_access.is_actors(actor, CorpsMember.expert_id)
    )


def in_staffs_jurisdiction(actor: Actor) -> ColumnElement[bool]:
    """Corps that the actor, who is staff, manages."""
    return in_jurisdiction(Corps.region_code, actor.jurisdiction)


def _serves(organization_ids: Collection[UUID]) -> ColumnElement[bool]:
    code = func.unnest(Corps.region_codes).column_valued("code")
    lies_there = Organization.region_code.startswith(prefix_of(code))
    return exists().where(Organization.id.in_(organization_ids), lies_there)


def allowed_actions(actor: Actor, corps: Corps) -> list[str]:
    """What the actor may do with this corps now."""
    is_editable = may_manage(actor, corps) and corps.state in EDITABLE
    verbs = possible_verbs(TRANSITIONS, corps.state, parties_of(actor, corps))
    return (["update"] if is_editable else []) + verbs
