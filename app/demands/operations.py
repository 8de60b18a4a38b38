"""Demands: written by enterprises, reviewed and published by coordinators."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.demands import repository
from app.demands.access import (
    allowed_actions,
    may_manage,
    may_read,
    may_read_in_full,
    parties_of,
    readable,
    readable_in_full,
)
from app.demands.completeness import faults
from app.demands.models import Demand, DemandState
from app.demands.schemas import DemandBody, DemandCreate, DemandQuery, DemandUpdate, PublicDemand
from app.demands.workflow import EDITABLE, PUBLIC, TRANSITIONS, lend_summary, settle
from app.interface.errors import (
    EXTERNAL_ID_TAKEN,
    NOT_OF_OWN,
    NOT_OUT_OF_REGION,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    WrongState,
    invalid_field,
)
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.interface.validation import fields_of
from app.jobs import defer, defer_unless_waiting
from app.organizations import access as organization_access
from app.organizations import operations as organizations
from app.organizations.actors import Actor
from app.organizations.models import Organization
from app.search import search_vector
from app.transitions import next_state

NEED_COMPLETE = frozenset({"submit", "publish"})
SORTS = {"created_at": Demand.created_at, "title": Demand.title}


def show(actor: Actor, demand: Demand) -> DemandBody:
    """The demand in full for those entitled, its public part for other readers."""
    actions = allowed_actions(actor, demand)
    if not may_read_in_full(actor, demand):
        return DemandBody(**dict(PublicDemand.of(demand, allowed_actions=actions)))
    return DemandBody.of(
        demand,
        organization_name=demand.organization.name,
        allowed_actions=actions,
        missing=fields_of(faults(demand)),
    )


async def create(session: AsyncSession, actor: Actor, data: DemandCreate) -> Demand:
    """A draft, by a member of the enterprise or by staff on its behalf."""
    organization = await _organization_of(session, actor, data.organization_id)
    if data.external_id and await repository.is_taken(session, data.external_id):
        raise Conflict(EXTERNAL_ID_TAKEN)
    demand = Demand(
        **data.model_dump(exclude={"organization_id"}),
        organization_id=organization.id,
        organization=organization,
        state=DemandState.DRAFT,
    )
    demand.region_code = actor.region_for(demand.region_code or organization.region_code)
    demand.industry_code = demand.industry_code or organization.industry_code
    if not may_manage(actor, demand):
        raise Forbidden(NOT_OF_OWN)
    index_text(demand)
    session.add(demand)
    await changes.append(session, "demand.created", demand.id, actor_id=actor.account_id)
    return demand


async def get(session: AsyncSession, actor: Actor, demand_id: UUID) -> Demand:
    """The demand, if the actor may read it at all."""
    demand = await repository.find(session, demand_id)
    if demand is None or not may_read(actor, demand):
        raise NotFound()
    return demand


async def get_in_full(session: AsyncSession, actor: Actor, demand_id: UUID) -> Demand:
    """The demand, if the actor may read all of it; Forbidden for who reads its summary."""
    demand = await get(session, actor, demand_id)
    if not may_read_in_full(actor, demand):
        raise Forbidden()
    return demand


async def get_managed(session: AsyncSession, actor: Actor, demand_id: UUID) -> Demand:
    """The demand, locked, if the actor may touch it."""
    demand = await repository.find(session, demand_id, is_for_update=True)
    return admitted(
        session,
        demand,
        may_read=partial(may_read, actor),
        may_touch=partial(may_manage, actor),
    )


async def search(pages: Pages, actor: Actor, query: DemandQuery) -> Page[DemandBody]:
    """Demands the actor may read; by what only the full text holds, of those readable in full."""
    rule = readable_in_full if query.asks_for_full_text else readable
    return await pages.read(
        repository.listed(query, rule(actor)),
        query=query,
        columns=SORTS,
        show=lambda demand: show(actor, demand),
    )


async def update(
    session: AsyncSession, actor: Actor, demand_id: UUID, data: DemandUpdate
) -> Demand:
    """Change what the body names, in a draft or a returned demand."""
    demand = await get_managed(session, actor, demand_id)
    if demand.state not in EDITABLE:
        raise WrongState(verb="update", state=demand.state, allowed=sorted(EDITABLE))
    if demand.is_confidential:  # stored before that was refused: taking the mark off opens it
        raise Invalid(errors=[fault for fault in faults(demand) if fault.code == "confidential"])
    wanted = actor.placing(data.model_dump(exclude_unset=True))
    apply(demand, wanted)
    if not may_manage(actor, demand):
        raise Forbidden(NOT_OUT_OF_REGION)
    await changes.append(
        session,
        "demand.updated",
        demand.id,
        actor_id=actor.account_id,
        data={"fields": sorted(wanted)},
    )
    return demand


async def move(
    session: AsyncSession, actor: Actor, demand_id: UUID, verb: str, reason: str = ""
) -> Demand:
    """Take one step of the life cycle; what is handed in or published has no faults."""
    demand = await get_managed(session, actor, demand_id)
    target = next_state(TRANSITIONS, verb, demand.state, parties_of(actor, demand))
    if verb in NEED_COMPLETE and (found := faults(demand)):
        raise Invalid(errors=found)
    if demand.state in PUBLIC and target not in PUBLIC:
        for task in ("forget_withdrawn_demand", "end_dockings_of_demand"):
            await defer(session, task, demand_id=str(demand.id))
        await defer_unless_waiting(session, "dissolve_teams")
    settle(demand, target, reason)
    await changes.append(session, f"demand.{target}", demand.id, actor_id=actor.account_id)
    return demand


async def follow_dockings(session: AsyncSession, demand: Demand, state: DemandState) -> None:
    """Put a demand, which is held, where its dockings are; nobody does so by hand."""
    settle(demand, state)
    await changes.append(session, f"demand.{state}", demand.id)


def apply(demand: Demand, values: Mapping[str, Any]) -> None:
    """Set fields; of a published demand a summary that was the title's is the new title's."""
    is_published = demand.state in PUBLIC
    if is_published and demand.public_summary == demand.title:
        demand.public_summary = ""
    for name, value in values.items():
        setattr(demand, name, value)
    if is_published:
        lend_summary(demand)
    index_text(demand)


def index_text(demand: Demand) -> None:
    """Bring the search column up to date.

    Only what every reader of a published demand may see is searchable: a hit must not tell
    what the full text holds.
    """
    demand.search = search_vector([demand.title, demand.public_summary, *demand.keywords])


async def _organization_of(
    session: AsyncSession, actor: Actor, organization_id: UUID | None
) -> Organization:
    """The organization named, or the only one the actor acts for."""
    if organization_id is None and len(actor.organization_ids) == 1:
        (organization_id,) = actor.organization_ids
    if organization_id is None:
        raise invalid_field("/organization_id", "missing", "请指明机构", "Name the organization")
    organization = await organizations.get_named(session, actor, organization_id)
    if not organization_access.may_manage(actor, organization):
        raise Forbidden(NOT_OF_OWN)
    return organization
