"""Who may see and undo a batch: the demand's staff; a partner only reads it."""

from sqlalchemy import ColumnElement

from app.demands import access as demand_access
from app.demands.models import Demand
from app.dockings.batches.models import BatchItemState, InvitationBatch
from app.organizations.actors import Actor
from app.transitions import Party


def may_read(actor: Actor, demand: Demand) -> bool:
    return bool(demand_access.parties_of(actor, demand) & demand_access.MATCHING)


def may_invite(actor: Actor, demand: Demand) -> bool:
    return Party.STAFF in demand_access.parties_of(actor, demand)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL, for staff."""
    return demand_access.readable_in_full(actor)


def allowed_actions(actor: Actor, batch: InvitationBatch) -> list[str]:
    """What the actor may do with this batch now."""
    is_open = any(item.state is BatchItemState.INVITED for item in batch.items)
    return ["undo"] if is_open and may_invite(actor, batch.demand) else []
