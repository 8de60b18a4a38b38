"""A team ends with its demand: there is nothing more to serve."""

from datetime import datetime

from app.demands.models import DemandState
from app.scopes import Scope, Sessions, within
from app.teams import operations, repository
from app.teams.models import TeamState

AT_ONCE = 100
REASONS = {DemandState.RESOLVED: "需求已解决", DemandState.WITHDRAWN: "需求已撤回"}
CLOSED = "需求已关闭"  # also of one that is open again


async def dissolve_left(sessions: Sessions, moment: datetime) -> None:
    """Dissolve the teams whose demand has left the pool, also where it is back, a few at a time."""
    serving, count = within(sessions, Scope.SERVICE), AT_ONCE
    while count == AT_ONCE:
        async with serving.begin() as session:
            left = await repository.left_behind(session, AT_ONCE)
            for team in left:
                reason = REASONS.get(team.demand.state, CLOSED)
                await operations.enter(session, None, team, TeamState.DISSOLVED, moment, reason)
            count = len(left)
