"""Every SELECT on teams."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, selectinload

from app import queries
from app.demands.models import Demand
from app.demands.workflow import PUBLIC
from app.teams.models import Team, TeamMember, TeamState
from app.teams.schemas import TeamQuery


def _teams() -> Select[Team]:
    """With demand, members and their experts, which decide who may read them."""
    return (
        select(Team)
        .join(Team.demand)
        .options(
            contains_eager(Team.demand), selectinload(Team.members).joinedload(TeamMember.expert)
        )
    )


async def find(session: AsyncSession, team_id: UUID, *, is_for_update: bool = False) -> Team | None:
    """The team; see `queries.find_one`."""
    statement = _teams().where(Team.id == team_id)
    return await queries.find_one(session, statement, Team, is_for_update=is_for_update)


def listed(query: TeamQuery, readable: ColumnElement[bool]) -> Select[Team]:
    """Readable teams that meet the filters."""
    statement = _teams().where(readable, *queries.equals(Team, query, ("demand_id", "state")))
    if query.expert_id is not None:
        is_in = exists().where(
            TeamMember.team_id == Team.id, TeamMember.expert_id == query.expert_id
        )
        statement = statement.where(is_in)
    return statement


async def expert_ids_of(session: AsyncSession, team_id: UUID) -> Sequence[UUID]:
    """Who is in a team."""
    statement = select(TeamMember.expert_id).where(TeamMember.team_id == team_id)
    return (await session.scalars(statement)).all()


# Formed, or confirmed at last, before its demand left the pool, which may be back by now.
IS_LEFT = or_(
    Demand.state.not_in(PUBLIC),
    func.coalesce(Team.confirmed_at, Team.created_at) < Demand.published_at,
)


async def left_behind(session: AsyncSession, limit: int) -> Sequence[Team]:
    """Teams, with their demands, that outlive what they are for; locked."""
    statement = select(Team).join(Team.demand).options(contains_eager(Team.demand))
    left = statement.where(Team.state != TeamState.DISSOLVED, IS_LEFT).order_by(Team.id)
    return (await session.scalars(left.limit(limit).with_for_update(of=Team))).all()


async def of_expert(session: AsyncSession, expert_id: UUID) -> Sequence[Team]:
    """The teams that an expert is in, locked in the order of their ids."""
    is_in = exists().where(TeamMember.team_id == Team.id, TeamMember.expert_id == expert_id)
    statement = select(Team).where(is_in).options(selectinload(Team.members))
    return (await session.scalars(statement.order_by(Team.id).with_for_update(of=Team))).all()
