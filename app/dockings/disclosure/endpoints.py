"""HTTP for staged disclosure."""

from uuid import UUID

from app.database import SessionDep
from app.dockings import operations as dockings
from app.dockings.deadlines import ClockDep
from app.dockings.disclosure import operations
from app.dockings.disclosure.schemas import (
    ConfidentialityAccepted,
    Contacts,
    DisclosedDemand,
    Undertaking,
)
from app.dockings.schemas import DockingBody
from app.interface.auditing import sensitive
from app.interface.routing import DomainRouter
from app.organizations.actors import CurrentActor

router = DomainRouter("dockings")


@router.get("/confidentiality-terms")
async def read_undertaking() -> Undertaking:
    """保密承诺 · The text that an expert accepts before they read a demand in full."""
    return operations.undertaking()


@router.post("/dockings/{docking_id:uuid}:accept-confidentiality")
async def accept_confidentiality(
    session: SessionDep,
    actor: CurrentActor,
    clock: ClockDep,
    docking_id: UUID,
    data: ConfidentialityAccepted,
) -> DockingBody:
    """接受保密承诺 · The expert accepts it, and may read the demand in full from now on."""
    accepted = await operations.accept_undertaking(session, actor, docking_id, data, clock)
    return dockings.show(actor, accepted)


@router.get("/dockings/{docking_id:uuid}/demand")
@sensitive()
async def read_docked_demand(
    session: SessionDep, actor: CurrentActor, docking_id: UUID
) -> DisclosedDemand:
    """需求全文 · For the expert who has accepted the undertaking; every reading is recorded."""
    return await operations.read_demand(session, actor, docking_id)


@router.get("/dockings/{docking_id:uuid}/contacts")
@sensitive()
async def read_docking_contacts(
    session: SessionDep, actor: CurrentActor, docking_id: UUID
) -> Contacts:
    """双方联系方式 · Once both sides have accepted; every reading is recorded."""
    return await operations.read_contacts(session, actor, docking_id)
