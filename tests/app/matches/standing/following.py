"""The job of standing matching as the tests run it, and what stands afterwards."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands import repository as demands
from app.matches.constraints import constraints_of
from app.matches.index.encoding import MatchingWork
from app.matches.models import MatchRun, StandingMatch
from app.matches.running import find
from app.matches.schemas import MatchParameters
from app.matches.standing import repository
from app.matches.standing.asked import AskedDemands
from app.matches.standing.following import bring_up_to_date
from app.matches.standing.rerunning import Policy
from app.scopes import Scope, within
from matching import Limits

# Every move is news.
ANYTHING = Policy(ranks=0, score=0, limits=Limits())


class Follower(NamedTuple):
    """A worker's memory between the jobs."""

    app: FastAPI
    asked: AskedDemands

    @property
    def work(self) -> MatchingWork:
        sessions = within(self.app.state.sessions, Scope.INDEX)
        return MatchingWork(sessions=sessions, matcher=self.app.state.matcher)

    async def follow(self, policy: Policy = ANYTHING) -> None:
        await bring_up_to_date(self.work, self.asked, policy)


async def follower(app: FastAPI) -> Follower:
    """One that follows from now on: a new one begins with what comes after it."""
    new = Follower(app, AskedDemands())
    await new.follow()
    return new


async def standing(session: AsyncSession) -> dict[UUID, list[UUID]]:
    """Who stands in the match of each demand, best first."""
    found = {}
    for stands in await session.scalars(select(StandingMatch)):
        places = await repository.places_of(session, stands.run_id)
        found[stands.demand_id] = [p.expert_id for p in sorted(places, key=lambda p: p.rank)]
    await session.commit()
    return found


async def matched_in_full(app: FastAPI, demand_id: UUID, limit: int) -> list[UUID]:
    """Who a match of the whole pool finds now."""
    async with within(app.state.sessions, Scope.SERVICE).begin() as session:
        demand = await demands.find(session, demand_id)
        assert demand is not None
        parameters = MatchParameters(limit=limit)
        constraints = await constraints_of(session, parameters, Limits(), demand)
        found = await find(session, app.state.matcher, demand, parameters, constraints)
    return [UUID(one.candidate_id) for one in found.ranking.matches]


async def runs_by_demand(session: AsyncSession) -> Mapping[UUID, list[MatchRun]]:
    """All runs, oldest first."""
    found: dict[UUID, list[MatchRun]] = {}
    statement = select(MatchRun).order_by(MatchRun.created_at, MatchRun.id)
    for run in await session.scalars(statement.execution_options(populate_existing=True)):
        found.setdefault(run.demand_id, []).append(run)
    await session.commit()
    return found
