"""Four levels work as one (四级联动): up to the next level, down to one below, sideways to share.

Whoever may carry a demand follows from its region (every level above it) and from the region it
was handed to; a region that it is shared with reads it in full and looks for experts.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.demands import operations, repository
from app.demands.access import carried_by, level_above, may_dispatch_to, may_hand_on
from app.demands.models import Demand, Handover, HandoverKind
from app.demands.schemas import HandoverBody, HandoverQuery, HandoverTo
from app.demands.workflow import HANDED_ON
from app.interface.errors import Conflict, Forbidden, WrongState, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed

MAX_SHARES = 20


async def submit_up(session: AsyncSession, actor: Actor, demand_id: UUID, reason: str) -> Demand:
    """Hand the demand to the level above the one that carries it."""
    demand = await _carried(session, actor, demand_id, "submit-up")
    above = level_above(demand)
    if above is None:
        raise Conflict(Text("已在最高层级", "It is at the highest level already"))
    return await _hand_to(session, actor, demand, HandoverKind.SUBMITTED_UP, above, reason)


async def dispatch(
    session: AsyncSession, actor: Actor, demand_id: UUID, data: HandoverTo
) -> Demand:
    """Hand the demand to a region below the one that carries it."""
    demand = await _carried(session, actor, demand_id, "dispatch")
    if not may_dispatch_to(actor, demand, data.region_code):
        raise invalid_field(
            "/region_code",
            "not_below",
            "应为现负责地区的下级地区；上报用 submit-up，平级用 share",
            "Should be below the region that carries it; submit-up goes up, share sideways",
        )
    return await _hand_to(
        session, actor, demand, HandoverKind.DISPATCHED, data.region_code, data.reason
    )


async def share(session: AsyncSession, actor: Actor, demand_id: UUID, data: HandoverTo) -> Demand:
    """Let the staff of another region read the demand in full and look for experts."""
    demand = await _carried(session, actor, demand_id, "share")
    if data.region_code in demand.shared_region_codes:
        raise Conflict(Text("已与该地区共享", "It is shared with this region already"))
    if len(demand.shared_region_codes) >= MAX_SHARES:
        raise Conflict(Text(f"最多与 {MAX_SHARES} 个地区共享", f"At most {MAX_SHARES} regions"))
    demand.shared_region_codes = [*demand.shared_region_codes, data.region_code]
    return await _keep(
        session, actor.account_id, demand, HandoverKind.SHARED, data.region_code, data.reason
    )


async def end_share(
    session: AsyncSession, actor: Actor, demand_id: UUID, data: HandoverTo
) -> Demand:
    """Take the demand back from a region that it was shared with, in any state."""
    demand = await operations.get_managed(session, actor, demand_id)
    _require_carrier(actor, demand)
    if data.region_code not in demand.shared_region_codes:
        raise Conflict(Text("未与该地区共享", "It is not shared with this region"))
    left = [code for code in demand.shared_region_codes if code != data.region_code]
    demand.shared_region_codes = left
    return await _keep(
        session,
        actor.account_id,
        demand,
        HandoverKind.SHARE_ENDED,
        data.region_code,
        data.reason,
    )


async def hand_up(session: AsyncSession, demand: Demand, reason: str) -> bool:
    """Hand a demand, which is held, to the level above by the clock; whether there is one.

    The session's scope is the service's.
    """
    above = level_above(demand)
    if above is None or demand.state not in HANDED_ON:
        return False
    await _keep(session, None, demand, HandoverKind.SUBMITTED_UP, above, reason)
    demand.handed_to_region_code = above
    return True


async def search(
    pages: Pages, actor: Actor, demand_id: UUID, query: HandoverQuery
) -> Page[HandoverBody]:
    """Every step between levels, latest first, for whoever reads the demand in full."""
    await operations.get_in_full(pages.session, actor, demand_id)
    return await pages.read(
        repository.listed_handovers(demand_id),
        query=query,
        columns={"created_at": Handover.created_at},
        show=HandoverBody.of,
    )


async def _carried(session: AsyncSession, actor: Actor, demand_id: UUID, verb: str) -> Demand:
    demand = await operations.get_managed(session, actor, demand_id)
    _require_carrier(actor, demand)
    if demand.state not in HANDED_ON:
        raise WrongState(verb=verb, state=demand.state, allowed=sorted(HANDED_ON))
    return demand


def _require_carrier(actor: Actor, demand: Demand) -> None:
    if not may_hand_on(actor, demand):
        raise Forbidden(Text("该需求现由其他层级负责", "Another level carries this demand now"))


async def _hand_to(
    session: AsyncSession,
    actor: Actor,
    demand: Demand,
    kind: HandoverKind,
    region_code: str,
    reason: str,
) -> Demand:
    kept = await _keep(session, actor.account_id, demand, kind, region_code, reason)
    async with borrowed(session, Scope.HANDOVER, str(demand.id)):  # it may leave the actor's view
        demand.handed_to_region_code = None if region_code == demand.region_code else region_code
    return kept


async def _keep(
    session: AsyncSession,
    actor_id: UUID | None,
    demand: Demand,
    kind: HandoverKind,
    region_code: str,
    reason: str,
) -> Demand:
    session.add(
        Handover(
            demand_id=demand.id,
            kind=kind,
            from_region_code=carried_by(demand),
            to_region_code=region_code,
            reason=reason,
            account_id=actor_id,
        )
    )
    await changes.append(
        session,
        f"demand.{kind}",
        demand.id,
        actor_id=actor_id,
        data={"from": carried_by(demand), "to": region_code},
    )
    return demand
