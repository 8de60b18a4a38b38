"""Service records: entered by expert, corps or staff, confirmed by the enterprise, counted."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.corps import operations as corps
from app.corps.models import Corps
from app.dockings import access as docking_access
from app.dockings import operations as dockings
from app.dockings.models import Docking
from app.dockings.services import access, repository
from app.dockings.services.models import ServiceRecord, ServiceRecordState
from app.dockings.services.schemas import (
    Confirmation,
    CorpsService,
    DockingService,
    ServiceRecordBody,
    ServiceRecordFields,
    ServiceRecordQuery,
)
from app.dockings.services.workflow import TRANSITIONS, WRITING, settle
from app.dockings.workflow import IN_CONTACT
from app.experts.forgetting import SOMEBODY
from app.interface.errors import Conflict, Forbidden, NotFound, WrongState, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.organizations import operations as organizations
from app.organizations.actors import Actor
from app.transitions import next_state

SORTS = {"created_at": ServiceRecord.created_at, "served_on": ServiceRecord.served_on}
MOST_RECORDS, MOST_OF_CORPS = 500, 5_000


async def record(
    session: AsyncSession,
    actor: Actor,
    docking_id: UUID,
    data: DockingService,
    *,
    moment: datetime,
) -> ServiceRecordBody:
    """Enter a service that the enterprise will be asked to confirm."""
    served = None
    if data.corps_id is not None:
        served = await _serve_in_docking(session, actor, docking_id, data.corps_id, moment)
    docking = await dockings.hold(session, actor, docking_id)
    _require_writer(actor, docking)
    if docking.state not in IN_CONTACT:
        allowed = sorted(IN_CONTACT)
        raise WrongState(verb="record-service", state=docking.state, allowed=allowed)
    dockings.require_past(data.served_on, moment, field="served_on")
    side = docking_access.own_side(actor, docking)
    _require_room(await repository.count_in_docking(session, docking_id, side), MOST_RECORDS)
    values = data.model_dump(exclude={"corps_id"})
    service = ServiceRecord(docking=docking, corps=served, side=side, **values)
    return await _recorded(session, actor, service)


async def record_of_corps(
    session: AsyncSession, actor: Actor, corps_id: UUID, data: CorpsService, *, moment: datetime
) -> ServiceRecordBody:
    """Enter what a corps has done for an enterprise with which nobody of it is docked."""
    served = await corps.serve(session, actor, corps_id, moment, by=data.expert_id)
    dockings.require_past(data.served_on, moment, field="served_on")
    await organizations.get_named(session, actor, data.organization_id)
    side = access.side_in(actor, served)
    _require_room(await repository.count_of_corps(session, corps_id, side), MOST_OF_CORPS)
    values = data.model_dump()
    service = ServiceRecord(docking=None, corps=served, side=side, **values)
    return await _recorded(session, actor, service)


async def _serve_in_docking(
    session: AsyncSession, actor: Actor, docking_id: UUID, corps_id: UUID, moment: datetime
) -> Corps:
    """The corps of the docking's expert, locked before the docking, as in erasure."""
    docking = await dockings.get(session, actor, docking_id)
    _require_writer(actor, docking)
    by = docking.expert_id
    return await corps.serve(session, actor, corps_id, moment, by=by, is_in_docking=True)


def _require_writer(actor: Actor, docking: Docking) -> None:
    if not docking_access.parties_of(actor, docking) & WRITING:
        raise Forbidden()


async def _recorded(
    session: AsyncSession, actor: Actor, service: ServiceRecord
) -> ServiceRecordBody:
    service.account_id = actor.account_id
    session.add(service)
    await session.flush()
    await _tell(session, actor, service)
    return show(actor, service)


async def get(session: AsyncSession, actor: Actor, record_id: UUID) -> ServiceRecordBody:
    """The record, if the actor may read it."""
    service = await repository.find(session, record_id)
    if service is None or not access.may_read(actor, service):
        raise NotFound()
    return show(actor, service)


async def search(pages: Pages, actor: Actor, query: ServiceRecordQuery) -> Page[ServiceRecordBody]:
    """Of the dockings that the actor reads."""
    return await pages.read(
        repository.listed(query, access.readable(actor)),
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
    service = await _hold(session, actor, record_id)
    target = _target(actor, service, "amend")
    await _require_not_erased(session, service)
    dockings.require_past(data.served_on, moment, field="served_on")
    for name, value in data.model_dump().items():
        setattr(service, name, value)
    return await _settled(session, actor, service, target)


async def confirm(
    session: AsyncSession, actor: Actor, record_id: UUID, data: Confirmation, *, moment: datetime
) -> ServiceRecordBody:
    """The enterprise says that it was so, and how satisfied it is."""
    service = await _hold(session, actor, record_id)
    target = _target(actor, service, "confirm")
    if not access.speaks_for_enterprise(actor, service, data.on_behalf_of):
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
    service = await _hold(session, actor, record_id)
    target = _target(actor, service, verb)
    if reason:
        await _require_not_erased(session, service)
    return await _settled(session, actor, service, target, reason)


async def forget_expert(
    session: AsyncSession, expert_id: UUID, name: str, corps_ids: Sequence[UUID]
) -> Sequence[UUID]:
    """Take an expert who is being erased out of what their corps, which are held, have rendered."""
    return await repository.forget_expert(session, expert_id, name, corps_ids, SOMEBODY)


def show(actor: Actor, service: ServiceRecord) -> ServiceRecordBody:
    return ServiceRecordBody.of(service, allowed_actions=access.allowed_actions(actor, service))


async def _hold(session: AsyncSession, actor: Actor, record_id: UUID) -> ServiceRecord:
    """The record, locked, for one of its parties."""
    return admitted(
        session,
        await repository.find(session, record_id, is_for_update=True),
        may_read=partial(access.may_read, actor),
        may_touch=partial(access.may_touch, actor),
    )


async def _require_not_erased(session: AsyncSession, service: ServiceRecord) -> None:
    """Of a docking's expert no more is said once they were erased; a corps names none then."""
    if service.docking_id is not None:
        await dockings.require_not_erased(session, service.docking_id)


def _require_room(count: int, most: int) -> None:
    """Neither side takes the other's room."""
    if count >= most:
        text = Text("每方最多登记 {most} 条", "Each side enters {most} of them at most")
        raise Conflict(text.format(most=most))


def _target(actor: Actor, service: ServiceRecord, verb: str) -> ServiceRecordState:
    return next_state(TRANSITIONS, verb, service.state, access.parties_of(actor, service))


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
    """As a happening of its docking; without one, of its own."""
    data = {"service_record_id": str(service.id)}
    kind, subject_id = f"docking.service_{service.state}", service.docking_id
    if subject_id is None:
        kind, subject_id = f"service.{service.state}", service.id
        data = {"corps_id": str(service.corps_id)}
    await changes.append(session, kind, subject_id, actor_id=actor.account_id, data=data)
