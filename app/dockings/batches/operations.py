"""Batches of invitations: each stands or falls by itself, all of them in one transaction."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.access import may_broker, readable_in_full
from app.demands.models import Demand
from app.dockings import operations as dockings
from app.dockings.batches import repository
from app.dockings.batches.access import allowed_actions
from app.dockings.batches.models import BatchItemState, InvitationBatch, InvitationBatchItem
from app.dockings.batches.schemas import (
    InvitationBatchBody,
    InvitationBatchCreate,
    InvitationBatchItemBody,
    InvitationBatchQuery,
    Undoing,
    WhyNot,
)
from app.dockings.batches.visits import VisitSize, require_size
from app.dockings.batches.workflow import settle
from app.dockings.deadlines import Clock
from app.dockings.inviting import invite_expert
from app.dockings.schemas import DockingCreate, Step
from app.experts.forgetting import SOMEBODY
from app.experts.invitations import hold_people
from app.experts.models import Expert
from app.interface.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.interface.validation import FieldError
from app.matches.access import may_match
from app.matches.groups import TWICE
from app.matches.operations import demand_of_staff
from app.matches.schemas import MatchedExpert
from app.organizations.actors import Actor
from matching import Limits

SORTS = {"created_at": InvitationBatch.created_at}
NOT_OF_DEMAND = Text("该需求没有这一匹配", "The demand has no such match")
INVITED_AGAIN = Text("该专家已另行邀请", "The expert was invited again since")


async def invite(
    session: AsyncSession,
    actor: Actor,
    data: InvitationBatchCreate,
    limits: Limits,
    visit_size: VisitSize,
    clock: Clock,
    language: str,
) -> InvitationBatchBody:
    """Invite the experts, unless it is only tried: then all is done, told and undone."""
    demand = await demand_of_staff(session, actor, data.demand_id)
    if not may_broker(actor, demand):
        raise Forbidden()
    people = await _named(session, demand, data)
    held = await hold_people(session, people)  # before the first docking, as in erasure
    if data.is_academicians_visit:
        require_size(held.values(), visit_size)
    docked = await repository.held_open(session, demand.id, people)
    async with session.begin_nested() as savepoint:
        batch_id = await _invite_each(session, actor, data, people, docked, limits, clock)
        shown = show(actor, await get(session, actor, batch_id), language)
        if data.dry_run:
            await savepoint.rollback()
    return _as_tried(shown, docked.values()) if data.dry_run else shown


async def get(session: AsyncSession, actor: Actor, batch_id: UUID) -> InvitationBatch:
    """The batch, if the actor may read it."""
    batch = await repository.find(session, batch_id)
    if batch is None or not may_match(actor, batch.demand):
        raise NotFound()
    return batch


async def search(
    pages: Pages, actor: Actor, query: InvitationBatchQuery, language: str
) -> Page[InvitationBatchBody]:
    """Of the demands that the actor, who is staff, reads in full."""
    return await pages.read(
        repository.listed(query, readable_in_full(actor)),
        query=query,
        columns=SORTS,
        show=lambda batch: show(actor, batch, language),
    )


async def undo(
    session: AsyncSession,
    actor: Actor,
    batch_id: UUID,
    data: Undoing,
    clock: Clock,
    language: str,
) -> InvitationBatchBody:
    """Take back what nobody has answered, and tell of the others why not; twice does no more."""
    batch = admitted(
        session,
        await repository.find(session, batch_id, is_for_update=True),
        may_read=lambda batch: may_match(actor, batch.demand),
        may_touch=lambda batch: may_broker(actor, batch.demand),
    )
    batch.undone_at = batch.undone_at or clock.moment
    invited = [item for item in batch.items if item.state is BatchItemState.INVITED]
    await repository.hold_dockings(session, [i.docking_id for i in invited if i.docking_id])
    for item in invited:
        await _take_back(session, actor, batch, item, Step(note=data.note), clock)
    await session.flush()
    return show(actor, batch, language)


async def forget_expert(session: AsyncSession, expert: Expert) -> None:
    """Take the name of an expert who is about to be erased out of the notes of their batches."""
    await repository.forget_name(session, expert.id, expert.name, SOMEBODY)


def show(actor: Actor, batch: InvitationBatch, language: str) -> InvitationBatchBody:
    """The batch with the cards of its experts, and the reasons in the reader's language."""
    return InvitationBatchBody.of(
        batch,
        is_dry_run=False,
        items=[_show_item(item, language) for item in batch.items],
        allowed_actions=allowed_actions(actor, batch),
    )


def _as_tried(batch: InvitationBatchBody, docking_ids: Collection[UUID]) -> InvitationBatchBody:
    """The batch without what is not there any more: of the dockings, those of before are left."""
    items = [
        item if item.docking_id in docking_ids else item.model_copy(update={"docking_id": None})
        for item in batch.items
    ]
    return batch.model_copy(update={"is_dry_run": True, "items": items, "allowed_actions": []})


def _show_item(item: InvitationBatchItem, language: str) -> InvitationBatchItemBody:
    return InvitationBatchItemBody(
        expert_id=item.expert_id,
        expert=MatchedExpert.model_validate(item.expert) if item.expert else None,
        docking_id=item.docking_id,
        state=item.state,
        reasons=[
            WhyNot(code=one["code"], detail=Text(one["zh"], one["en"]).in_language(language))
            for one in item.reasons
        ],
    )


async def _named(
    session: AsyncSession, demand: Demand, data: InvitationBatchCreate
) -> dict[UUID, UUID]:
    """By expert the match; Invalid names what is not the demand's, or comes twice."""
    known = await repository.matched_experts(session, demand.id, data.match_ids)
    faults, people = list[FieldError](), dict[UUID, UUID]()
    for place, match_id in enumerate(data.match_ids):
        expert_id, pointer = known.get(match_id), f"/match_ids/{place}"
        if expert_id is None:
            faults.append(FieldError(pointer=pointer, code="unknown", message=NOT_OF_DEMAND))
        elif expert_id in people:
            faults.append(FieldError(pointer=pointer, code="named_twice", message=TWICE))
        else:
            people[expert_id] = match_id
    if faults:
        raise Invalid(errors=faults)
    return people


async def _invite_each(
    session: AsyncSession,
    actor: Actor,
    data: InvitationBatchCreate,
    people: Mapping[UUID, UUID],
    docked: Mapping[UUID, UUID],
    limits: Limits,
    clock: Clock,
) -> UUID:
    """Invite one after another; the experts and their open dockings are held."""
    step, items = Step(note=data.note), []
    for place, (expert_id, match_id) in enumerate(people.items()):
        item = InvitationBatchItem(place=place, expert_id=expert_id)
        try:
            async with session.begin_nested():  # what is begun for it goes with its refusal
                docking_id = docked.get(expert_id) or await _begun(session, actor, match_id, clock)
                await invite_expert(session, actor, docking_id, step, limits, clock)
            item.docking_id = docking_id
            settle(item, BatchItemState.INVITED)
        except (Conflict, WrongState) as problem:
            settle(item, BatchItemState.NOT_INVITED, problem)
        items.append(item)
    batch = InvitationBatch(
        demand_id=data.demand_id,
        account_id=actor.account_id,
        invited_at=clock.moment,
        note=data.note,
        is_academicians_visit=data.is_academicians_visit,
        items=items,
    )
    session.add(batch)
    await session.flush()
    return batch.id


async def _begun(session: AsyncSession, actor: Actor, match_id: UUID, clock: Clock) -> UUID:
    wanted = DockingCreate(match_id=match_id)
    return (await dockings.open_docking(session, actor, wanted, clock)).id


async def _take_back(
    session: AsyncSession,
    actor: Actor,
    batch: InvitationBatch,
    item: InvitationBatchItem,
    step: Step,
    clock: Clock,
) -> None:
    assert item.docking_id is not None  # it was invited
    try:
        docking = await dockings.hold(session, actor, item.docking_id)
        if docking.invited_at != batch.invited_at:
            raise Conflict(INVITED_AGAIN)
        await dockings.take(session, actor, docking, "take-back", step, clock)
    except (Conflict, WrongState) as problem:
        settle(item, item.state, problem)
    else:
        settle(item, BatchItemState.TAKEN_BACK)
