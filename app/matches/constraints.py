"""What a match asks of experts, and whose interests are in conflict."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import today
from app.demands.models import Demand
from app.experts.models import Expert
from app.experts.workflow import ADMITTED
from app.matches import repository
from app.matches.index.documents import conflict_keys, conflicts_of_demand, facts_of_expert
from app.matches.schemas import MatchParameters
from app.scopes import Scope, borrowed
from matching import Constraints, Limits


async def constraints_of(
    session: AsyncSession, data: MatchParameters, limits: Limits, demand: Demand | None = None
) -> Constraints:
    """The request's hard conditions and the demand's enterprise; absent ones exclude nobody."""
    organizations = await _named(session, data.conflicting_organization_ids)
    return Constraints(
        on=data.on or today(),
        limits=limits,
        kinds=frozenset(data.kinds) or None,
        regions=tuple(data.regions) or None,
        organizations=organizations | (conflicts_of_demand(demand) if demand else frozenset()),
        members=await members_of(session, demand.organization_id) if demand else {},
        excluded={str(e.expert_id): e.reason for e in data.excluded},
    )


async def _named(session: AsyncSession, organization_ids: Collection[UUID]) -> frozenset[str]:
    """Organizations by their ids, and by the names of those that the actor may read.

    Who acts for them is not asked, or a match would tell of memberships in other regions.
    """
    names = await repository.names_of_organizations(session, organization_ids)
    keys = [conflict_keys(i, names.get(i, "")) for i in organization_ids]
    return frozenset().union(*keys)


async def members_of(session: AsyncSession, organization_id: UUID) -> dict[str, str]:
    """The experts who act for an enterprise, which may be of a region that the actor is not of.

    They are asked for each time, since no change of an expert tells of a membership.
    """
    members = await repository.experts_acting_for(session, organization_id)
    return {str(expert_id): str(organization_id) for expert_id in members}


async def conflicts_of_expert(
    session: AsyncSession, expert: Expert, *, are_confirmed: bool
) -> frozenset[str]:
    """All whom the expert is in conflict with.

    are_confirmed: without what nobody has confirmed. Demands that are missing from what an expert
    is shown tell whose they are, and that would be anybody's whom the expert may name.
    """
    conflicting = facts_of_expert(expert).organizations
    if are_confirmed:
        employer = conflict_keys(expert.organization_id, expert.organization_name)
        conflicting = employer if expert.state in ADMITTED else frozenset()
    if expert.account_id is None:
        return conflicting
    async with borrowed(session, Scope.LOOKUP, str(expert.account_id)):
        acted_for = await repository.organizations_of(session, expert.account_id)
    return conflicting | {str(o) for o in acted_for}
