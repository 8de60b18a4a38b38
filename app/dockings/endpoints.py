"""HTTP for dockings."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.dockings import inviting, operations
from app.dockings.deadlines import ClockDep
from app.dockings.schemas import (
    DockingBody,
    DockingCreate,
    DockingQuery,
    DockingStepBody,
    DockingStepQuery,
    Remark,
    Setbacks,
    Step,
)
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.matches.limits import LimitsDep
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("dockings")


@router.post("/dockings", status_code=status.HTTP_201_CREATED)
async def open_docking(
    session: SessionDep, actor: StaffActor, clock: ClockDep, data: DockingCreate
) -> DockingBody:
    """建立对接 · Begin to dock a recommended expert with the demand."""
    return operations.show(actor, await operations.open_docking(session, actor, data, clock))


@router.get("/dockings")
async def list_dockings(
    pages: PagesDep, actor: CurrentActor, query: Annotated[DockingQuery, Query()]
) -> Page[DockingBody]:
    """对接列表 · The enterprise's own, the expert's since the invitation, the staff's by demand."""
    return await operations.search(pages, actor, query)


@router.get("/dockings/{docking_id:uuid}")
async def read_docking(session: SessionDep, actor: CurrentActor, docking_id: UUID) -> DockingBody:
    """对接详情 · State, both sides, and what the caller may do now."""
    return operations.show(actor, await operations.get(session, actor, docking_id))


@router.get("/dockings/{docking_id:uuid}/steps")
async def list_docking_steps(
    pages: PagesDep,
    actor: CurrentActor,
    docking_id: UUID,
    query: Annotated[DockingStepQuery, Query()],
) -> Page[DockingStepBody]:
    """对接过程 · Every step with its note, latest first."""
    return await operations.list_steps(pages, actor, docking_id, query)


@router.post("/dockings/{docking_id:uuid}:invite")
async def invite_expert(
    session: SessionDep,
    actor: StaffActor,
    limits: LimitsDep,
    clock: ClockDep,
    docking_id: UUID,
    data: Step,
) -> DockingBody:
    """邀请专家 · Ask the expert, who sees the docking from now on; 409 tells why not to."""
    return operations.show(
        actor, await inviting.invite_expert(session, actor, docking_id, data, limits, clock)
    )


@router.post("/dockings/{docking_id:uuid}:take-back")
async def take_back_invitation(
    session: SessionDep, actor: StaffActor, clock: ClockDep, docking_id: UUID, data: Remark
) -> DockingBody:
    """收回邀请 · Nobody has answered it yet: it counts no more, and gives no rest."""
    step = Step(note=data.note)
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "take-back", step, clock)
    )


@router.post("/dockings/{docking_id:uuid}:accept-invitation")
async def accept_invitation(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """接受邀请 · One side accepts; contact is made once both have."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "accept-invitation", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:visit")
async def record_visit(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """现场调研 · They have met at the enterprise."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "visit", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:negotiate")
async def begin_negotiation(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """洽谈 · They talk about terms."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "negotiate", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:agree-intent")
async def agree_intent(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """达成意向 · They intend to work together."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "agree-intent", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:sign")
async def sign_docking(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """签约 · An agreement is signed."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "sign", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:begin")
async def begin_work(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """开始实施 · The work begins."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "begin", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:accept-result")
async def accept_result(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """验收 · The enterprise accepts the result."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "accept-result", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:follow-up")
async def follow_up_docking(
    session: SessionDep, actor: StaffActor, clock: ClockDep, docking_id: UUID, data: Step
) -> DockingBody:
    """回访 · Staff have asked both sides how it went."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "follow-up", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:decline")
async def decline_docking(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Setbacks
) -> DockingBody:
    """谢绝 · One side does not want to, with the reason."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "decline", data, clock)
    )


@router.post("/dockings/{docking_id:uuid}:fail")
async def fail_docking(
    session: SessionDep, actor: CurrentActor, clock: ClockDep, docking_id: UUID, data: Setbacks
) -> DockingBody:
    """终止 · It comes to nothing, with the reason."""
    return operations.show(
        actor, await operations.move(session, actor, docking_id, "fail", data, clock)
    )
