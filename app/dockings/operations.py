"""Dockings: begun by the staff from a recommendation, carried on by all three parties."""

from datetime import date, datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import day_of, now
from app.demands.access import may_broker
from app.dockings import repository
from app.dockings.access import (
    allowed_actions,
    may_read,
    may_touch,
    parties_of,
    readable,
    reads_as_staff,
    speaks_for,
)
from app.dockings.deadlines import Clock, Due, due_on, is_last_follow_up
from app.dockings.models import Docking, DockingState, DockingStep, Part, Setback, Side
from app.dockings.repository import PartT
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
from app.dockings.workflow import (
    TRANSITIONS,
    accept,
    happened,
    is_answered,
    settle,
    waits_for_the_other,
)
from app.experts import invitations
from app.experts import repository as experts
from app.experts.models import Expert, ExpertState, InvitationState
from app.interface.errors import Conflict, NotFound, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.jobs import defer
from app.matches import access as match_access
from app.matches import repository as matches
from app.matches.availability import NOT_IN_POOL
from app.matches.models import Verdict
from app.matches.operations import require_published
from app.matches.schemas import MatchedExpert
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed
from app.transitions import next_state

SORTS = {"created_at": Docking.created_at}
OPEN = "open"
ANSWERS = {
    ("accept-invitation", Side.EXPERT): InvitationState.ACCEPTED,
    ("decline", Side.EXPERT): InvitationState.REFUSED,
    ("decline", Side.ENTERPRISE): InvitationState.WITHDRAWN,
    ("decline", Side.STAFF): InvitationState.WITHDRAWN,
    ("take-back", Side.STAFF): InvitationState.TAKEN_BACK,
}
NOT_RECOMMENDED = Text("须先推荐该匹配", "Recommend the match first")
ERASED = Text("该专家的信息已注销", "The expert was erased")
ANSWERED = Text("邀请已有答复，不能收回", "The invitation was answered, and is not taken back")
DOCKED = Text("该专家与该需求正在对接", "This expert and this demand are being docked already")


async def open_docking(
    session: AsyncSession, actor: Actor, data: DockingCreate, clock: Clock
) -> Docking:
    """Begin to dock a recommended expert with a published demand.

    The expert is held before the match, as erasure holds them.
    """
    expert = await hold_expert(session, await matches.expert_id_of(session, data.match_id))
    match = admitted(
        session,
        await matches.find_match(session, data.match_id, is_for_update=True),
        may_read=partial(match_access.parties_of, actor),
        may_touch=lambda match: may_broker(actor, match.run.demand),
    )
    if match.verdict is not Verdict.RECOMMENDED:
        raise Conflict(NOT_RECOMMENDED)
    require_in_pool(expert)
    demand = match.run.demand
    require_published(await matches.held_state(session, demand), verb=OPEN)
    if await repository.has_open(session, demand.id, match.expert_id):
        raise Conflict(DOCKED)
    docking = Docking(demand_id=demand.id, expert_id=match.expert_id, match_id=match.id)
    enter(docking, DockingState.RECOMMENDED, clock)
    session.add(docking)
    await session.flush()
    await keep(session, actor.account_id, docking, OPEN, Side.STAFF, Step())
    return await get(session, actor, docking.id)


async def hold_expert(session: AsyncSession, expert_id: UUID | None) -> Expert | None:
    """The expert, if of the pool, locked: nobody is invited or erased meanwhile."""
    if expert_id is None:
        return None
    async with borrowed(session, Scope.JUDGING):
        return await experts.find(session, expert_id, is_for_update=True)


async def get(session: AsyncSession, actor: Actor, docking_id: UUID) -> Docking:
    """The docking, if the actor may read it."""
    docking = await repository.find(session, docking_id)
    if docking is None or not may_read(actor, docking):
        raise NotFound()
    return docking


async def hold(session: AsyncSession, actor: Actor, docking_id: UUID) -> Docking:
    """The docking, locked, for one of its parties, who may say something of its expert."""
    docking = admitted(
        session,
        await repository.find(session, docking_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_touch, actor),
    )
    await require_not_erased(session, docking_id)
    return docking


async def get_part(session: AsyncSession, actor: Actor, table: type[PartT], part_id: UUID) -> PartT:
    """What is kept beside a docking, for whoever reads that."""
    part = await repository.find_part(session, table, part_id)
    if part is None or not may_read(actor, part.docking):
        raise NotFound()
    return part


async def hold_part(
    session: AsyncSession, actor: Actor, table: type[PartT], part_id: UUID
) -> PartT:
    """The same, locked, for one of the docking's parties."""
    return admitted(
        session,
        await repository.find_part(session, table, part_id, is_for_update=True),
        may_read=lambda part: may_read(actor, part.docking),
        may_touch=lambda part: may_touch(actor, part.docking),
    )


async def require_not_erased(session: AsyncSession, docking_id: UUID) -> None:
    """Raises Conflict where the expert of a docking, which is held, was erased.

    No more is said of them: it would stay.
    """
    if await repository.is_expert_erased(session, docking_id):
        raise Conflict(ERASED)


async def require_room(
    session: AsyncSession, table: type[Part], docking_id: UUID, side: Side, most: int
) -> None:
    """Raises Conflict when a side has put as many of them beside a docking, which is held, as it
    may; none takes the others' room."""
    if await repository.count_parts(session, table, docking_id, side) >= most:
        text = Text("每个对接每方最多 {most} 条", "At most {most} of them a docking and side")
        raise Conflict(text.format(most=most))


def require_past(day: date, moment: datetime, *, field: str) -> None:
    """Raises Invalid for a day that is yet to come."""
    if day > day_of(moment):
        raise invalid_field(f"/{field}", "in_future", "日期不能晚于今天", "It is yet to come")


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
    session: AsyncSession, actor: Actor, docking_id: UUID, verb: str, data: Step, clock: Clock
) -> Docking:
    """Take one step, as the party that one is, or by staff for the party whose word it is.

    But for an invitation, see `inviting`.
    """
    return await take(session, actor, await hold(session, actor, docking_id), verb, data, clock)


async def take(
    session: AsyncSession, actor: Actor, docking: Docking, verb: str, data: Step, clock: Clock
) -> Docking:
    """The same with a docking that is held."""
    target = next_state(TRANSITIONS, verb, docking.state, parties_of(actor, docking))
    side = speaks_for(actor, docking, data.on_behalf_of)
    setback = data.setback if isinstance(data, Setbacks) else None
    require_words(data, setback)
    if verb == "accept-invitation" and waits_for_the_other(docking, side):
        return docking  # said already
    if verb == "accept-invitation":
        target = _accepted(docking, side, target, clock)
    if verb == "take-back" and is_answered(docking):
        raise Conflict(ANSWERED)
    if verb == "accept-result":
        docking.result_accepted_on = clock.today
    if verb == "follow-up":
        target = target if is_last_follow_up(docking, clock) else docking.state
        docking.follow_ups += 1
    if target is not docking.state or verb == "follow-up":  # half an acceptance moves no deadline
        enter(docking, target, clock, setback)
    await _tell_answer(session, actor.account_id, docking, ANSWERS.get((verb, side)), clock.moment)
    await keep(session, actor.account_id, docking, verb, side, data, setback)
    return docking


async def note_by_clock(session: AsyncSession, docking: Docking, due: Due, clock: Clock) -> None:
    """Write into the timeline what the clock did of itself; an invitation ends with it."""
    if due is Due.EXPIRE:
        enter(docking, DockingState.EXPIRED, clock, Setback.NO_ANSWER)
        await _tell_answer(session, None, docking, InvitationState.EXPIRED, clock.moment)
    await keep(session, None, docking, due, Side.STAFF, Step(), docking.setback)


async def end_of_expert(session: AsyncSession, expert_id: UUID, actor_id: UUID | None) -> None:
    """End the open dockings of an expert who was erased."""
    for docking in await repository.open_of_expert(session, expert_id):
        await end(session, docking, Setback.EXPERT_LEFT, actor_id=actor_id, side=Side.EXPERT)


async def end(
    session: AsyncSession,
    docking: Docking,
    setback: Setback,
    *,
    actor_id: UUID | None = None,
    side: Side = Side.STAFF,
) -> None:
    """End a docking, which is held, because one of the two has gone."""
    verb = "decline" if docking.state in TRANSITIONS["decline"].sources else "fail"
    state = DockingState.DECLINED if verb == "decline" else DockingState.FAILED
    settle(docking, state, now(), setback)
    await _tell_answer(session, actor_id, docking, ANSWERS.get((verb, side)), now())
    await keep(session, actor_id, docking, verb, side, Step(), setback)


def show(actor: Actor, docking: Docking) -> DockingBody:
    """The docking with the public part of the demand and the card of the expert."""
    return DockingBody.of(
        docking,
        match_id=docking.match_id if reads_as_staff(actor, docking) else None,
        demand=DockedDemand.model_validate(docking.demand, from_attributes=True),
        expert=MatchedExpert.model_validate(docking.expert),
        allowed_actions=allowed_actions(actor, docking),
    )


def require_words(data: Step, setback: Setback | None) -> None:
    """Raises Invalid for a step that has to say why, or how it was said, and does not."""
    if data.note:
        return
    if setback is Setback.OTHER:
        raise invalid_field("/note", "missing", "请说明原因", "Say why")
    if data.on_behalf_of is not None:
        raise invalid_field("/note", "missing", "请说明对方如何答复", "Say how it was said")


def require_in_pool(expert: Expert | None) -> None:
    """Of whoever left the pool, staff of another region read nothing."""
    if expert is None or expert.state is not ExpertState.IN_POOL:
        raise Conflict(NOT_IN_POOL)


def enter(
    docking: Docking, state: DockingState, clock: Clock, setback: Setback | None = None
) -> None:
    """Put the docking into a state, whose next step is due by its deadline."""
    settle(docking, state, clock.moment, setback)
    docking.due_on = due_on(docking, clock)


async def _tell_answer(
    session: AsyncSession,
    actor_id: UUID | None,
    docking: Docking,
    answer: InvitationState | None,
    moment: datetime,
) -> None:
    """Note in the expert's own record how the invitation ended; rest is counted by it."""
    if answer is not None and docking.invited_at is not None:
        of = (docking.expert_id, docking.invited_at)
        await invitations.settle(session, *of, answer, moment, actor_id)


def _accepted(docking: Docking, side: Side, both: DockingState, clock: Clock) -> DockingState:
    """The state that an acceptance leads to; without the other side's the invitation stands."""
    if side is Side.STAFF:
        raise invalid_field(
            "/on_behalf_of", "missing", "请指明是哪一方接受", "Name the side that accepts"
        )
    return both if accept(docking, side, clock.moment) else docking.state


async def keep(
    session: AsyncSession,
    actor_id: UUID | None,
    docking: Docking,
    verb: str,
    side: Side,
    data: Step,
    setback: Setback | None = None,
) -> None:
    """Put a step that was taken into the timeline, and tell the followers."""
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
    await defer(session, "advance_demand", demand_id=str(docking.demand_id))
    kind = f"docking.{happened(verb, docking.state)}"
    await changes.append(session, kind, docking.id, actor_id=actor_id)
