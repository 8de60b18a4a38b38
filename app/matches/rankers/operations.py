"""Rankers for people: which there are, how they did, and which one ranks."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.interface.errors import Conflict, NotFound
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import meet
from app.matches.models import StoredRanker
from app.matches.rankers import repository, training, workflow
from app.matches.rankers.access import allowed_actions, parties_of
from app.matches.rankers.choice import weights_of
from app.matches.rankers.schemas import RankerBody, RankerQuery
from app.matches.rankers.workflow import RANKER_TRANSITIONS
from app.organizations.actors import Actor
from app.progress import operations as progress
from app.progress.models import Operation
from app.transitions import next_state

NOT_HELD = Text("该排序模型已是自动选用", "What ranks is left to the job already")
SORTS = {"number": StoredRanker.number}


async def search(pages: Pages, actor: Actor, query: RankerQuery) -> Page[RankerBody]:
    return await pages.read(
        repository.listed(), query=query, columns=SORTS, show=lambda ranker: _show(actor, ranker)
    )


async def get(session: AsyncSession, actor: Actor, ranker_id: UUID) -> RankerBody:
    found = await repository.find(session, ranker_id)
    if found is None:
        raise NotFound()
    return _show(actor, found)


async def promote(session: AsyncSession, actor: Actor, ranker_id: UUID) -> RankerBody:
    """Put a ranker in force, whatever was measured of it; also the way back to one of before."""
    found = await _take(session, actor, ranker_id, "promote")
    await training.promote(session, found, actor.account_id)
    return _show(actor, found)


async def release(session: AsyncSession, actor: Actor, ranker_id: UUID) -> RankerBody:
    """Let the job put another in force again, where an administrator's decision keeps it from that.

    Raises Conflict where none does.
    """
    found = await _take(session, actor, ranker_id, "release")
    if not workflow.is_held(found):
        raise Conflict(NOT_HELD)
    workflow.release(found)
    await changes.append(session, "ranker.released", found.id, actor_id=actor.account_id)
    return _show(actor, found)


async def ask_for_training(session: AsyncSession, actor: Actor) -> Operation:
    """An operation that learns from what was judged; Conflict while that is too little."""
    await training.require_enough(session)
    operation = await progress.create(session, actor, "train_ranker", result_path="/api/v1/rankers")
    await progress.enqueue(session, operation)
    return operation


async def _take(session: AsyncSession, actor: Actor, ranker_id: UUID, verb: str) -> StoredRanker:
    """The ranker, in a state that allows the verb, which nobody else changes meanwhile."""
    await repository.take_turn(session)
    found = await repository.find(session, ranker_id)
    if found is None:
        raise NotFound()
    meet(session, found)
    next_state(RANKER_TRANSITIONS, verb, found.state, parties_of(actor))
    return found


def _show(actor: Actor, ranker: StoredRanker) -> RankerBody:
    return RankerBody.of(
        ranker,
        weights=asdict(weights_of(ranker)),
        allowed_actions=allowed_actions(actor, ranker),
    )
