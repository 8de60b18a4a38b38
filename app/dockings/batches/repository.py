"""Every SELECT on batches of invitations."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, selectinload

from app import queries
from app.dockings.batches.models import InvitationBatch, InvitationBatchItem
from app.dockings.batches.schemas import InvitationBatchQuery
from app.dockings.models import Docking, DockingStep
from app.dockings.workflow import CLOSED
from app.matches.models import Match, MatchRun


def _batches() -> Select[InvitationBatch]:
    """With demand, which decides who may read them, and everybody in them."""
    items = selectinload(InvitationBatch.items).joinedload(InvitationBatchItem.expert)
    demand = contains_eager(InvitationBatch.demand)
    return select(InvitationBatch).join(InvitationBatch.demand).options(demand, items)


async def find(
    session: AsyncSession, batch_id: UUID, *, is_for_update: bool = False
) -> InvitationBatch | None:
    """The batch; see `queries.find_one`."""
    statement = _batches().where(InvitationBatch.id == batch_id)
    return await queries.find_one(session, statement, InvitationBatch, is_for_update=is_for_update)


def listed(query: InvitationBatchQuery, readable: ColumnElement[bool]) -> Select[InvitationBatch]:
    """Readable batches that meet the filters."""
    return _batches().where(readable, *queries.equals(InvitationBatch, query, ("demand_id",)))


async def matched_experts(
    session: AsyncSession, demand_id: UUID, match_ids: Collection[UUID]
) -> dict[UUID, UUID]:
    """Whom those of the matches are about that are the demand's."""
    statement = (
        select(Match.id, Match.expert_id)
        .join(MatchRun, Match.run_id == MatchRun.id)
        .where(MatchRun.demand_id == demand_id, Match.id.in_(match_ids))
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


async def held_open(
    session: AsyncSession, demand_id: UUID, expert_ids: Collection[UUID]
) -> dict[UUID, UUID]:
    """By expert the open dockings with the demand, locked in the order of their ids."""
    wanted = (Docking.demand_id == demand_id, Docking.expert_id.in_(expert_ids))
    statement = select(Docking).where(*wanted, Docking.state.not_in(CLOSED)).order_by(Docking.id)
    held = await session.scalars(statement.with_for_update())
    return {docking.expert_id: docking.id for docking in held}


async def hold_dockings(session: AsyncSession, docking_ids: Sequence[UUID]) -> None:
    """Lock the dockings in the order of their ids."""
    statement = select(Docking.id).where(Docking.id.in_(docking_ids)).order_by(Docking.id)
    await session.execute(statement.with_for_update())


async def forget_name(session: AsyncSession, expert_id: UUID, name: str, somebody: str) -> None:
    """Take an expert's name out of what was said to everybody who was invited with them."""
    items = InvitationBatchItem
    batches = select(items.batch_id).where(items.expert_id == expert_id)
    dockings = select(items.docking_id).where(items.batch_id.in_(batches))
    for note, is_theirs in (
        (InvitationBatch.note, InvitationBatch.id.in_(batches)),
        (DockingStep.note, DockingStep.docking_id.in_(dockings)),
    ):
        statement = update(note.class_).where(is_theirs, note.contains(name, autoescape=True))
        forgotten = statement.values(note=func.replace(note, name, somebody))
        await session.execute(forgotten.execution_options(synchronize_session=False))
