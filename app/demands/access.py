"""Who may see and touch a demand."""

from functools import cache

from sqlalchemy import ColumnElement, func, or_

from app.accounts.models import POOL_READERS
from app.demands.models import Demand
from app.demands.workflow import EDITABLE, HANDED_ON, PUBLIC, SOUGHT, TRANSITIONS
from app.organizations.actors import Actor
from app.reference.codes import names
from app.regions import COUNTRY, any_in_jurisdiction, in_jurisdiction, is_below, parent
from app.transitions import Party, possible_verbs

# Who looks for experts; a verdict is left to those who carry the demand.
MATCHING = frozenset({Party.STAFF, Party.PARTNER})

CARRIED_BY: ColumnElement[str | None] = func.coalesce(
    Demand.handed_to_region_code, Demand.region_code
)


def carried_by(demand: Demand) -> str | None:
    """The region whose staff carry the demand now."""
    return demand.handed_to_region_code or demand.region_code


def level_above(demand: Demand) -> str | None:
    """The region one level up from the one that carries the demand; None at the top."""
    present = carried_by(demand)
    return None if present is None or present == COUNTRY else parent(present)


def may_broker(actor: Actor, demand: Demand) -> bool:
    """Staff who carry the demand find experts for it and dock them; a partner only looks."""
    return Party.STAFF in parties_of(actor, demand)


def parties_of(actor: Actor, demand: Demand) -> set[Party]:
    """In which capacities the actor touches this demand."""
    held = {
        Party.ORGANIZATION: actor.acts_for(demand.organization_id),
        Party.STAFF: actor.manages_region(demand.region_code)
        or actor.manages_region(carried_by(demand)),
        Party.PARTNER: any(actor.manages_region(code) for code in demand.shared_region_codes),
    }
    return {party for party, is_held in held.items() if is_held}


def may_read(actor: Actor, demand: Demand) -> bool:
    """Published demands are open, as a summary, to all staff and evaluators."""
    is_open = demand.state in PUBLIC and actor.role in POOL_READERS
    return is_open or may_read_in_full(actor, demand)


def may_read_in_full(actor: Actor, demand: Demand) -> bool:
    """The enterprise, the staff who carry the demand, and those it is shared with."""
    return bool(parties_of(actor, demand))


def may_manage(actor: Actor, demand: Demand) -> bool:
    """The enterprise and the staff who carry the demand; a partner only reads and matches it."""
    return bool(parties_of(actor, demand) & {Party.ORGANIZATION, Party.STAFF})


def may_hand_on(actor: Actor, demand: Demand) -> bool:
    """Staff of the level that carries the demand, or of one above it."""
    return actor.manages_region(carried_by(demand))


def may_dispatch_to(actor: Actor, demand: Demand, region_code: str) -> bool:
    """A region below the one that carries the demand; below the actor's own where none does."""
    return is_below(region_code, carried_by(demand) or actor.jurisdiction)


def has_below(actor: Actor, demand: Demand) -> bool:
    """Whether there is any such region; a county has none."""
    return _has_below(carried_by(demand) or actor.jurisdiction)


@cache
def _has_below(region_code: str | None) -> bool:
    return any(is_below(code, region_code) for code in names("regions"))


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    in_full = readable_in_full(actor)
    if actor.role not in POOL_READERS:
        return in_full
    return or_(in_full, Demand.state.in_(PUBLIC))


def readable_in_full(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read_in_full`, in SQL."""
    own = Demand.organization_id.in_(actor.organization_ids)
    if not actor.is_staff:
        return own
    shared = any_in_jurisdiction(Demand.shared_region_codes, actor.jurisdiction)
    return or_(own, in_staffs_jurisdiction(actor), shared)


def in_staffs_jurisdiction(actor: Actor) -> ColumnElement[bool]:
    """Demands that the actor, who is staff, manages."""
    return or_(
        in_jurisdiction(Demand.region_code, actor.jurisdiction),
        in_jurisdiction(CARRIED_BY, actor.jurisdiction),
    )


def allowed_actions(actor: Actor, demand: Demand) -> list[str]:
    """What the actor may do with this demand now."""
    parties = parties_of(actor, demand)
    actions = ["update"] if may_manage(actor, demand) and demand.state in EDITABLE else []
    actions += possible_verbs(TRANSITIONS, demand.state, parties)
    if demand.state in SOUGHT and parties & MATCHING:
        actions += ["match", "propose-team"]
    return actions + (_handovers(actor, demand) if may_hand_on(actor, demand) else [])


def _handovers(actor: Actor, demand: Demand) -> list[str]:
    """What those who carry the demand may do with it now; a share ends in any state."""
    ends = ["end-share"] if demand.shared_region_codes else []
    if demand.state not in HANDED_ON:
        return ends
    up = ["submit-up"] if level_above(demand) else []
    down = ["dispatch"] if has_below(actor, demand) else []
    return [*up, *down, "share", *ends]
