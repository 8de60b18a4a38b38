"""HTTP for ratings."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.dockings.ratings import operations
from app.dockings.ratings.schemas import RatingBody, RatingCreate, RatingQuery
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.organizations.actors import CurrentActor

router = DomainRouter("dockings")


@router.post("/dockings/{docking_id:uuid}:rate", status_code=status.HTTP_201_CREATED)
async def rate_docking(
    session: SessionDep, actor: CurrentActor, docking_id: UUID, data: RatingCreate
) -> RatingBody:
    """满意度评价 · One side says how satisfied it is, once there is a result or none will come."""
    return await operations.rate(session, actor, docking_id, data)


@router.get("/dockings/{docking_id:uuid}/ratings")
async def list_docking_ratings(
    pages: PagesDep, actor: CurrentActor, docking_id: UUID, query: Annotated[RatingQuery, Query()]
) -> Page[RatingBody]:
    """满意度 · One's own side's, or for staff both; of several the latest counts."""
    return await operations.search(pages, actor, docking_id, query)
