"""Every SELECT on ratings."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, select

from app.dockings.models import Side
from app.dockings.ratings.models import Rating


def listed(docking_id: UUID, sides: Collection[Side]) -> Select[Rating]:
    """What these sides have said of a docking."""
    return select(Rating).where(Rating.docking_id == docking_id, Rating.side.in_(sides))
