"""Who may see and touch a special pool: staff, those of other regions once it is in use."""

from sqlalchemy import ColumnElement, or_

from app.organizations.actors import Actor
from app.pools.models import PoolState, SpecialPool
from app.pools.workflow import CURATING, EDITABLE, TRANSITIONS
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, pool: SpecialPool) -> set[Party]:
    """In which capacities the actor touches this pool."""
    return {Party.STAFF} if actor.manages_region(pool.region_code) else set()


def may_manage(actor: Actor, pool: SpecialPool) -> bool:
    return Party.STAFF in parties_of(actor, pool)


def may_read(actor: Actor, pool: SpecialPool) -> bool:
    is_open = pool.state is PoolState.IN_USE and actor.is_staff
    return is_open or may_manage(actor, pool)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL, for staff."""
    own = in_jurisdiction(SpecialPool.region_code, actor.jurisdiction)
    return or_(SpecialPool.state == PoolState.IN_USE, own)


def allowed_actions(actor: Actor, pool: SpecialPool) -> list[str]:
    """What the actor may do with this pool now."""
    is_curated = may_manage(actor, pool) and pool.state in EDITABLE
    verbs = possible_verbs(TRANSITIONS, pool.state, parties_of(actor, pool))
    return [*(CURATING if is_curated else ()), *verbs]
