"""Dockings: begun by the staff from a recommendation, carried on by all three parties."""

from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.dockings import repository
from app.dockings.access import (
    allowed_actions,
    may_read,
    may_see_match,
    may_touch,
    parties_of,
    readable,
    speaks_for,
)
from app.dockings.models import Docking, DockingState, DockingStep, Setback, Side
from app.dockings.schemas import (
    DockedDemand,
    DockingBody,
    DockingCreate,
    DockingQuery,
    DockingStepBody,
    DockingStepQuery,
    Setbacks,
    Step,
)
from app.dockings.workflow import TRANSITIONS, accept, invite, settle
from app.experts.models import Expert, ExpertState
from app.interface.errors import Conflict, NotFound, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.matches import access as match_access
from app.matches import repository as matches
from app.matches.models import Verdict
from app.matches.operations import require_published
from app.matches.schemas import MatchedExpert
from app.organizations.actors import Actor
from app.transitions import next_state

SORTS = {"created_at": Docking.created_at}
OPEN = "open"
NOT_RECOMMENDED = Text("须先推荐该匹配", "Recommend the match first")
DOCKED = Text("该专家与该需求正在对接", "This expert and this demand are being docked already")
NOT_IN_POOL = Text("该专家现不在库", "The expert is not in the pool now")


async def open_docking(session: AsyncSession, actor: Actor, data: DockingCreate) -> Docking:
    """Begin to dock a recommended expert with a published demand."""
    match = admitted(
        session,
        await matches.find_match(session, data.match_id, is_for_update=True),
        may_read=partial(match_access.parties_of, actor),
        may_touch=lambda match: match_access.may_judge(actor, match.run.demand),
    )
    if match.verdict is not Verdict.RECOMMENDED:
        raise Conflict(NOT_RECOMMENDED)
    _require_in_pool(match.expert)
    demand = match.run.demand
    require_published(await matches.held_state(session, demand), verb=OPEN)
    if await repository.has_open(session, demand.id, match.expert_id):
        raise Conflict(DOCKED)
    docking = Docking(demand_id=demand.id, expert_id=match.expert_id, match_id=match.id)
    session.add(docking)
    await session.flush()
    await _keep(session, actor.account_id, docking, OPEN, Side.STAFF, Step())
    return await get(session, actor, docking.id)


async def get(session: AsyncSession, actor: Actor, docking_id: UUID) -> Docking:
    """The docking, if the actor may read it."""
    docking = await repository.find(session, docking_id)
    if docking is None or not may_read(actor, docking):
        raise NotFound()
    return docking


async def search(pages: Pages, actor: Actor, query: DockingQuery) -> Page[DockingBody]:
    """Dockings of one's own, and for staff those of the demands they read in full."""
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=partial(show, actor),
    )


async def list_steps(
    pages: Pages, actor: Actor, docking_id: UUID, query: DockingStepQuery
) -> Page[DockingStepBody]:
    """What was done so far, latest first."""
    await get(pages.session, actor, docking_id)
    return await pages.read(
        repository.listed_steps(docking_id),
        query=query,
        columns={"created_at": DockingStep.created_at},
        show=DockingStepBody.of,
    )


async def move(
    session: AsyncSession, actor: Actor, docking_id: UUID, verb: str, data: Step
) -> Docking:
    """Take one step, as the party that one is, or by staff for the party whose word it is."""
    docking = admitted(
        session,
        await repository.find(session, docking_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_touch, actor),
    )
    target = next_state(TRANSITIONS, verb, docking.state, parties_of(actor, docking))
    side = speaks_for(actor, docking, data.on_behalf_of)
    setback = data.setback if isinstance(data, Setbacks) else None
    _require_words(data, setback)
    if verb == "invite":
        _require_invitable(docking)
        invite(docking)
    if verb == "accept-invitation":
        target = _accepted(docking, side, target)
    settle(docking, target, setback)
    await _keep(session, actor.account_id, docking, verb, side, data, setback)
    return docking


async def end_of_expert(session: AsyncSession, expert_id: UUID, actor_id: UUID | None) -> None:
    """End the open dockings of an expert who was erased."""
    for docking in await repository.open_of_expert(session, expert_id):
        verb = "decline" if docking.state in TRANSITIONS["decline"].sources else "fail"
        settle(docking, TRANSITIONS[verb].target, Setback.EXPERT_LEFT)
        await _keep(session, actor_id, docking, verb, Side.EXPERT, Step(), Setback.EXPERT_LEFT)


def show(actor: Actor, docking: Docking) -> DockingBody:
    """The docking with the public part of the demand and the card of the expert."""
    return DockingBody.of(
        docking,
        match_id=docking.match_id if may_see_match(actor, docking) else None,
        demand=DockedDemand.model_validate(docking.demand, from_attributes=True),
        expert=MatchedExpert.model_validate(docking.expert),
        allowed_actions=allowed_actions(actor, docking),
    )


def _require_words(data: Step, setback: Setback | None) -> None:
    if data.note:
        return
    if setback is Setback.OTHER:
        raise invalid_field("/note", "missing", "请说明原因", "Say why")
    if data.on_behalf_of is not None:
        raise invalid_field("/note", "missing", "请说明对方如何答复", "Say how it was said")


def _require_invitable(docking: Docking) -> None:
    _require_in_pool(docking.expert)
    require_published(docking.demand.state, verb="invite")


def _require_in_pool(expert: Expert | None) -> None:
    """Of whoever left the pool, staff of another region read nothing."""
    if expert is None or expert.state is not ExpertState.IN_POOL:
        raise Conflict(NOT_IN_POOL)


def _accepted(docking: Docking, side: Side, both: DockingState) -> DockingState:
    """The state that an acceptance leads to; without the other side's the invitation stands."""
    if side is Side.STAFF:
        raise invalid_field(
            "/on_behalf_of", "missing", "请指明是哪一方接受", "Name the side that accepts"
        )
    return both if accept(docking, side) else docking.state


async def _keep(
    session: AsyncSession,
    actor_id: UUID | None,
    docking: Docking,
    verb: str,
    side: Side,
    data: Step,
    setback: Setback | None = None,
) -> None:
    step = DockingStep(
        docking_id=docking.id,
        verb=verb,
        state=docking.state,
        side=side,
        is_noted_by_staff=data.on_behalf_of is not None,
        account_id=actor_id,
        setback=setback,
        note=data.note,
    )
    session.add(step)
    is_half = verb == "accept-invitation" and docking.state is DockingState.INVITED
    what = "invitation_accepted" if is_half else docking.state
    await changes.append(session, f"docking.{what}", docking.id, actor_id=actor_id)
