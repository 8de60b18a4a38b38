"""Whose notices somebody reads, and which titles these may say to them."""

from sqlalchemy import ColumnElement, exists, or_

from app.demands import access as demand_access
from app.demands.models import Demand
from app.demands.workflow import PUBLIC
from app.dockings import access as docking_access
from app.dockings.models import Docking
from app.experts.models import Expert
from app.organizations.actors import Actor


def readable_title(actor: Actor) -> ColumnElement[bool]:
    """Demands whose title, which is public, the actor may know of.

    Besides those that they read, published ones, which experts see where they were matched, and
    those of a docking that they read.
    """
    docked = exists().where(
        Docking.demand_id == Demand.id,
        Docking.expert_id == Expert.id,
        docking_access.readable(actor),
    )
    is_public = Demand.state.in_(PUBLIC)
    return or_(demand_access.readable(actor), is_public, docked)
