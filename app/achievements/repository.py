"""Every SELECT on achievements."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import queries
from app.achievements.models import Achievement
from app.achievements.schemas import AchievementFilters, AchievementQuery
from app.reference.codes import branches
from app.regions import in_region
from app.scopes import INDEXED, Scope, borrowed
from app.search import matches_text

EQUAL = ("organization_id", "technology_field", "level", "stage", "form")


async def find(
    session: AsyncSession, achievement_id: UUID, *, is_for_update: bool = False
) -> Achievement | None:
    """The achievement; see `queries.find`."""
    return await queries.find(session, Achievement, achievement_id, is_for_update=is_for_update)


async def is_taken(session: AsyncSession, external_id: str) -> bool:
    """Whether any achievement has this external id, readable or not."""
    async with borrowed(session, Scope.LOOKUP, external_id):
        taken = select(Achievement.id).where(Achievement.external_id == external_id)
        return await session.scalar(taken) is not None


def listed(query: AchievementQuery, readable: ColumnElement[bool]) -> Select[Achievement]:
    """Readable achievements that meet the filters."""
    statement = select(Achievement).where(readable, *meeting(query)).execution_options(**INDEXED)
    return statement.where(*queries.equals(Achievement, query, ("state",)))


def meeting(query: AchievementFilters) -> list[ColumnElement[bool]]:
    """What the filters ask of an achievement; without any filter nothing."""
    wanted = queries.equals(Achievement, query, EQUAL)
    if query.industry_code is not None:
        parts = branches("industries", query.industry_code)
        wanted.append(Achievement.industry_code.in_(parts))
    if query.discipline is not None:
        parts = branches("disciplines", query.discipline)
        wanted.append(Achievement.disciplines.overlap(parts))
    if query.region_code is not None:
        wanted.append(in_region(Achievement.region_code, query.region_code))
    if query.text is not None:
        wanted.append(matches_text(Achievement.search, query.text))
    return wanted


async def find_many(
    session: AsyncSession, achievement_ids: Sequence[UUID]
) -> Sequence[Achievement]:
    """Those of the ids that exist, in no particular order."""
    return (
        await session.scalars(select(Achievement).where(Achievement.id.in_(achievement_ids)))
    ).all()
