"""HTTP for demands."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.accounts.dependencies import CurrentAccount
from app.database import SessionDep
from app.demands import handovers, operations
from app.demands.models import Demand
from app.demands.schemas import (
    DemandBody,
    DemandCreate,
    DemandQuery,
    DemandUpdate,
    HandoverBody,
    HandoverQuery,
    HandoverTo,
)
from app.interface.auditing import sensitive
from app.interface.batch import add_batch
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("demands")


@router.post("/demands", status_code=status.HTTP_201_CREATED)
async def create_demand(session: SessionDep, actor: CurrentActor, data: DemandCreate) -> DemandBody:
    """新建需求 · A draft; anything but the title may follow before `:submit`."""
    return operations.show(actor, await operations.create(session, actor, data))


@router.get("/demands")
@sensitive(shows="contact_phone")
async def list_demands(
    pages: PagesDep, actor: CurrentActor, query: Annotated[DemandQuery, Query()]
) -> Page[DemandBody]:
    """需求列表 · One's own, those of staff's region, and the public part of all published ones."""
    return await operations.search(pages, actor, query)


@router.get("/demands/{demand_id:uuid}")
@sensitive(shows="contact_phone")
async def read_demand(session: SessionDep, actor: CurrentActor, demand_id: UUID) -> DemandBody:
    """需求详情 · The full text for those entitled, the public part for other readers."""
    return operations.show(actor, await operations.get(session, actor, demand_id))


@router.patch("/demands/{demand_id:uuid}")
async def update_demand(
    session: SessionDep, actor: CurrentActor, demand_id: UUID, data: DemandUpdate
) -> DemandBody:
    """修改需求 · Change what the body names; a submitted demand is locked."""
    return operations.show(actor, await operations.update(session, actor, demand_id, data))


@router.post("/demands/{demand_id:uuid}:submit")
async def submit_demand(session: SessionDep, actor: CurrentActor, demand_id: UUID) -> DemandBody:
    """提交 · Hand the form in for review; it must be complete, and is locked from now on."""
    return operations.show(actor, await operations.move(session, actor, demand_id, "submit"))


@router.post("/demands/{demand_id:uuid}:begin-review")
async def begin_demand_review(
    session: SessionDep, actor: StaffActor, demand_id: UUID
) -> DemandBody:
    """受理 · Take the demand up for formal review."""
    return operations.show(actor, await operations.move(session, actor, demand_id, "begin-review"))


@router.post("/demands/{demand_id:uuid}:pass-formal-review")
async def pass_formal_review(session: SessionDep, actor: StaffActor, demand_id: UUID) -> DemandBody:
    """形式审查通过 · On to the department's review."""
    moved = await operations.move(session, actor, demand_id, "pass-formal-review")
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:publish")
async def publish_demand(session: SessionDep, actor: StaffActor, demand_id: UUID) -> DemandBody:
    """公开发布 · Publish the summary; from now on the demand can be matched."""
    return operations.show(actor, await operations.move(session, actor, demand_id, "publish"))


@router.post("/demands/{demand_id:uuid}:return")
async def return_demand(
    session: SessionDep, actor: StaffActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """退回诊断 · Back to the enterprise with what is to be mended; the form opens again."""
    moved = await operations.move(session, actor, demand_id, "return", data.reason)
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:refuse")
async def refuse_demand(
    session: SessionDep, actor: StaffActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """不予受理 · Refuse for good, with the reason: a secret, or no technical demand."""
    moved = await operations.move(session, actor, demand_id, "refuse", data.reason)
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:withdraw")
async def withdraw_demand(
    session: SessionDep, actor: CurrentActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """撤回 · Take a demand back with the reason, also when it is published; not a refused one."""
    moved = await operations.move(session, actor, demand_id, "withdraw", data.reason)
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:resolve")
async def resolve_demand(
    session: SessionDep, actor: CurrentActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """已解决 · The problem is solved, and how; dockings that had not come to a contract end."""
    moved = await operations.move(session, actor, demand_id, "resolve", data.reason)
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:close")
async def close_demand(
    session: SessionDep, actor: CurrentActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """关闭 · It is not solved and nobody goes on with it, with the reason."""
    moved = await operations.move(session, actor, demand_id, "close", data.reason)
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:track")
async def track_demand(
    session: SessionDep, actor: StaffActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """长期跟踪 · Nobody solves it yet; it stays in the pool and is matched again."""
    moved = await operations.move(session, actor, demand_id, "track", data.reason)
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:reopen")
async def reopen_demand(
    session: SessionDep, actor: CurrentActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """重新公开 · What was resolved, closed or tracked is published again, with the reason."""
    moved = await operations.move(session, actor, demand_id, "reopen", data.reason)
    return operations.show(actor, moved)


@router.post("/demands/{demand_id:uuid}:submit-up")
async def submit_demand_up(
    session: SessionDep, actor: StaffActor, demand_id: UUID, data: Reason
) -> DemandBody:
    """上报 · Hand the demand to the level above the one that carries it."""
    return operations.show(actor, await handovers.submit_up(session, actor, demand_id, data.reason))


@router.post("/demands/{demand_id:uuid}:dispatch")
async def dispatch_demand(
    session: SessionDep, actor: StaffActor, demand_id: UUID, data: HandoverTo
) -> DemandBody:
    """下派 · Hand the demand to a region below the one that carries it."""
    return operations.show(actor, await handovers.dispatch(session, actor, demand_id, data))


@router.post("/demands/{demand_id:uuid}:share")
async def share_demand(
    session: SessionDep, actor: StaffActor, demand_id: UUID, data: HandoverTo
) -> DemandBody:
    """共享 · Let another region's staff read the demand in full and look for experts."""
    return operations.show(actor, await handovers.share(session, actor, demand_id, data))


@router.post("/demands/{demand_id:uuid}:end-share")
async def end_demand_share(
    session: SessionDep, actor: StaffActor, demand_id: UUID, data: HandoverTo
) -> DemandBody:
    """结束共享 · Take the demand back from a region that it was shared with."""
    return operations.show(actor, await handovers.end_share(session, actor, demand_id, data))


@router.get("/demands/{demand_id:uuid}/handovers")
async def list_demand_handovers(
    pages: PagesDep,
    actor: CurrentActor,
    demand_id: UUID,
    query: Annotated[HandoverQuery, Query()],
) -> Page[HandoverBody]:
    """上报、下派与共享记录 · Every step between levels, latest first."""
    return await handovers.search(pages, actor, demand_id, query)


add_batch(router, "demands", Demand, CurrentAccount)
