"""Ratings: each side says how satisfied it is, and reads its own; staff read both."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.dockings import operations as dockings
from app.dockings.access import rated_sides, speaks_for
from app.dockings.models import DockingState, Side
from app.dockings.ratings import repository
from app.dockings.ratings.models import Rating
from app.dockings.ratings.schemas import RatingBody, RatingCreate, RatingQuery
from app.interface.errors import WrongState, invalid_field
from app.interface.pagination import Page, Pages
from app.organizations.actors import Actor

RATED = frozenset({DockingState.ACCEPTED, DockingState.FOLLOWED_UP, DockingState.FAILED})
MOST_RATINGS = 50


async def rate(
    session: AsyncSession, actor: Actor, docking_id: UUID, data: RatingCreate
) -> RatingBody:
    """Rate an ended docking for one's own side, or as staff for the side that said so."""
    docking = await dockings.hold(session, actor, docking_id)
    side = speaks_for(actor, docking, data.on_behalf_of)
    if side is Side.STAFF:
        raise invalid_field("/on_behalf_of", "missing", "请指明是哪一方评价", "Name the side")
    if docking.state not in RATED:
        raise WrongState(verb="rate", state=docking.state, allowed=sorted(RATED))
    await dockings.require_room(session, Rating, docking_id, side, MOST_RATINGS)
    rating = Rating(
        docking_id=docking_id,
        side=side,
        account_id=actor.account_id,
        score=data.score,
        text=data.text,
        is_noted_by_staff=data.on_behalf_of is not None,
    )
    session.add(rating)
    await session.flush()
    await changes.append(session, "docking.rated", docking_id, actor_id=actor.account_id)
    return RatingBody.of(rating)


async def search(
    pages: Pages, actor: Actor, docking_id: UUID, query: RatingQuery
) -> Page[RatingBody]:
    docking = await dockings.get(pages.session, actor, docking_id)
    return await pages.read(
        repository.listed(docking_id, rated_sides(actor, docking)),
        query=query,
        columns={"created_at": Rating.created_at},
        show=RatingBody.of,
    )
