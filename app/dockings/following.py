"""A demand goes where its dockings are, and dockings end with their demand."""

from collections.abc import Collection, Sequence
from uuid import UUID

from app.demands import operations as demand_operations
from app.demands import repository as demands
from app.demands.models import DemandState
from app.demands.workflow import PUBLIC
from app.dockings import operations, repository
from app.dockings.models import DockingState, Setback
from app.dockings.workflow import TALKING
from app.scopes import Scope, Sessions, within

# The furthest of its dockings decides; of a docking that ended without a result nothing is left.
STAGES = (
    (DemandState.FOLLOW_UP, frozenset({DockingState.ACCEPTED, DockingState.FOLLOWED_UP})),
    (DemandState.SIGNED, frozenset({DockingState.SIGNED, DockingState.IN_PROGRESS})),
    (DemandState.DOCKING, TALKING | {DockingState.INTENT}),
)
# What ends with the demand: nothing that was signed.
LOOSE = TALKING | {DockingState.RECOMMENDED, DockingState.INVITED, DockingState.INTENT}
SETBACKS = {DemandState.RESOLVED: Setback.SOLVED_ELSEWHERE}


def state_following(state: DemandState, dockings: Collection[DockingState]) -> DemandState:
    """Where a demand belongs whose dockings are in these states.

    One that is tracked, resolved, closed or withdrawn was put there by somebody; the first goes on
    as soon as somebody talks about it.
    """
    if state not in PUBLIC:
        return state
    for stage, reached in STAGES:
        if reached & set(dockings):
            return stage
    return state if state is DemandState.TRACKING else DemandState.PUBLISHED


async def advance(sessions: Sessions, demand_id: UUID) -> None:
    """Put the demand where its dockings are."""
    async with within(sessions, Scope.SERVICE).begin() as session:
        demand = await demands.find(session, demand_id, is_for_update=True)
        if demand is None:
            return
        states = await repository.states_of_demand(session, demand_id)
        if (state := state_following(demand.state, states)) is not demand.state:
            await demand_operations.follow_dockings(session, demand, state)


async def end_with(sessions: Sessions, demand_id: UUID) -> None:
    """End what had not come to a contract when the demand left the pool, also if it is back."""
    async with within(sessions, Scope.SERVICE).begin() as session:
        demand = await demands.find(session, demand_id)
        if demand is None:
            return
        setback = SETBACKS.get(demand.state, Setback.DEMAND_WITHDRAWN)
        for docking in await repository.left_behind(session, demand_id, LOOSE):
            await operations.end(session, docking, setback)


async def demands_left(sessions: Sessions) -> Sequence[UUID]:
    """Whose dockings nobody has ended: their job was lost."""
    async with within(sessions, Scope.SERVICE).begin() as session:
        return await repository.demands_with_left(session, LOOSE)
