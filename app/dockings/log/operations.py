"""The log of a docking: each party adds to it, and nobody changes what stands there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.dockings import operations as dockings
from app.dockings.access import own_side, reads_as_staff
from app.dockings.log import repository
from app.dockings.log.models import LogEntry
from app.dockings.log.schemas import LogEntryBody, LogEntryCreate, LogQuery
from app.dockings.models import Side
from app.interface.errors import Conflict, Forbidden, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.organizations.actors import Actor

MOST_ENTRIES = 1_000
CORRECTED = Text("该条已被更正，请更正最新一条", "It has been put right; correct the latest one")
READ_BY_ALL = (
    "被更正的记录双方可见，更正亦然；内部意见请另写一条",
    "Both sides read what it corrects, and so the correction; write an entry of its own for staff",
)
STAFF_ONLY = Text("只有工作人员可写内部记录", "Only staff write what is for staff")


async def write(
    session: AsyncSession,
    actor: Actor,
    docking_id: UUID,
    data: LogEntryCreate,
    *,
    moment: datetime,
) -> LogEntryBody:
    """Add what happened, or put right what one's own side has written."""
    docking = await dockings.hold(session, actor, docking_id)
    side = own_side(actor, docking)
    dockings.require_past(data.happened_on, moment, field="happened_on")
    if data.is_for_staff and side is not Side.STAFF:
        raise Forbidden(STAFF_ONLY)
    await dockings.require_room(session, LogEntry, docking_id, side, MOST_ENTRIES)
    entry = LogEntry(
        docking_id=docking_id, side=side, account_id=actor.account_id, **data.model_dump()
    )
    if data.corrects_id is not None:
        is_for_staff = await _corrected(session, docking_id, data.corrects_id, side)
        if data.is_for_staff and not is_for_staff:
            raise invalid_field("/is_for_staff", "not_of_corrected", *READ_BY_ALL)
        entry.is_for_staff = is_for_staff
    session.add(entry)
    await session.flush()
    await changes.append(session, "docking.logged", docking_id, actor_id=actor.account_id)
    return LogEntryBody.of(entry)


async def search(
    pages: Pages, actor: Actor, docking_id: UUID, query: LogQuery
) -> Page[LogEntryBody]:
    """What was written, latest day first."""
    docking = await dockings.get(pages.session, actor, docking_id)
    return await pages.read(
        repository.listed(docking_id, query, for_staff=reads_as_staff(actor, docking)),
        query=query,
        columns={"created_at": LogEntry.created_at, "happened_on": LogEntry.happened_on},
        show=LogEntryBody.of,
    )


async def _corrected(session: AsyncSession, docking_id: UUID, entry_id: UUID, side: Side) -> bool:
    """Whether the entry that is put right is for staff, as its correction then is."""
    corrected = await repository.find(session, docking_id, entry_id)
    if corrected is None or corrected.side is not side:
        raise invalid_field(
            "/corrects_id", "unknown", "没有本方的这条记录", "No such entry of your side"
        )
    if await repository.is_corrected(session, entry_id):
        raise Conflict(CORRECTED)
    return corrected.is_for_staff
