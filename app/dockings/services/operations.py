"""Service records: entered by expert or staff, confirmed by the enterprise, then counted."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.dockings import operations as dockings
from app.dockings.access import own_side, parties_of, readable, speaks_for
from app.dockings.models import Side
from app.dockings.services import repository
from app.dockings.services.models import ServiceRecord, ServiceRecordState
from app.dockings.services.schemas import (
    Confirmation,
    ServiceRecordBody,
    ServiceRecordFields,
    ServiceRecordQuery,
)
from app.dockings.services.workflow import TRANSITIONS, WRITING, settle
from app.dockings.workflow import IN_CONTACT
from app.interface.errors import Forbidden, WrongState, invalid_field
from app.interface.pagination import Page, Pages
from app.organizations.actors import Actor
from app.transitions import next_state, possible_verbs

SORTS = {"created_at": ServiceRecord.created_at, "served_on": ServiceRecord.served_on}
MOST_RECORDS = 500


async def record(
    session: AsyncSession,
    actor: Actor,
    docking_id: UUID,
    data: ServiceRecordFields,
    *,
    moment: datetime,
) -> ServiceRecordBody:
    """Enter a service that the enterprise will be asked to confirm."""
    docking = await dockings.hold(session, actor, docking_id)
    if not parties_of(actor, docking) & WRITING:
        raise Forbidden()
    if docking.state not in IN_CONTACT:
        allowed = sorted(IN_CONTACT)
        raise WrongState(verb="record-service", state=docking.state, allowed=allowed)
    dockings.require_past(data.served_on, moment, field="served_on")
    side = own_side(actor, docking)
    await dockings.require_room(session, ServiceRecord, docking_id, side, MOST_RECORDS)
    service = ServiceRecord(
        docking_id=docking_id,
        docking=docking,
        side=side,
        account_id=actor.account_id,
        state=ServiceRecordState.RECORDED,
        **data.model_dump(),
    )
    session.add(service)
    await session.flush()
    await _tell(session, actor, service)
    return show(actor, service)


async def search(pages: Pages, actor: Actor, query: ServiceRecordQuery) -> Page[ServiceRecordBody]:
    """Of the dockings that the actor reads."""
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=partial(show, actor),
    )


async def amend(
    session: AsyncSession,
    actor: Actor,
    record_id: UUID,
    data: ServiceRecordFields,
    *,
    moment: datetime,
) -> ServiceRecordBody:
    """Put right what the enterprise has not confirmed; it is asked again."""
    service = await dockings.hold_part(session, actor, ServiceRecord, record_id)
    target = _target(actor, service, "amend")
    await dockings.require_not_erased(session, service.docking_id)
    dockings.require_past(data.served_on, moment, field="served_on")
    for name, value in data.model_dump().items():
        setattr(service, name, value)
    return await _settled(session, actor, service, target)


async def confirm(
    session: AsyncSession, actor: Actor, record_id: UUID, data: Confirmation, *, moment: datetime
) -> ServiceRecordBody:
    """The enterprise says that it was so, and how satisfied it is."""
    service = await dockings.hold_part(session, actor, ServiceRecord, record_id)
    target = _target(actor, service, "confirm")
    if speaks_for(actor, service.docking, data.on_behalf_of) is not Side.ENTERPRISE:
        raise invalid_field(
            "/on_behalf_of", "missing", "应由企业确认", "It is the enterprise's word"
        )
    service.satisfaction, service.confirmed_at = data.satisfaction, moment
    service.is_noted_by_staff = data.on_behalf_of is not None
    return await _settled(session, actor, service, target)


async def move(
    session: AsyncSession, actor: Actor, record_id: UUID, verb: str, reason: str = ""
) -> ServiceRecordBody:
    """Dispute it, or count it."""
    service = await dockings.hold_part(session, actor, ServiceRecord, record_id)
    target = _target(actor, service, verb)
    if reason:
        await dockings.require_not_erased(session, service.docking_id)
    return await _settled(session, actor, service, target, reason)


def show(actor: Actor, service: ServiceRecord) -> ServiceRecordBody:
    actions = possible_verbs(TRANSITIONS, service.state, parties_of(actor, service.docking))
    return ServiceRecordBody.of(service, allowed_actions=actions)


def _target(actor: Actor, service: ServiceRecord, verb: str) -> ServiceRecordState:
    return next_state(TRANSITIONS, verb, service.state, parties_of(actor, service.docking))


async def _settled(
    session: AsyncSession,
    actor: Actor,
    service: ServiceRecord,
    state: ServiceRecordState,
    reason: str = "",
) -> ServiceRecordBody:
    settle(service, state, reason)
    await session.flush()
    await _tell(session, actor, service)
    return show(actor, service)


async def _tell(session: AsyncSession, actor: Actor, service: ServiceRecord) -> None:
    data = {"service_record_id": str(service.id)}
    kind = f"docking.service_{service.state}"
    await changes.append(session, kind, service.docking_id, actor_id=actor.account_id, data=data)
