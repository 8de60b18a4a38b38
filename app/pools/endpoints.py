"""HTTP for special pools."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations.actors import StaffActor
from app.pools import members, operations
from app.pools.schemas import (
    MemberDecision,
    MemberRelease,
    PoolBody,
    PoolCreate,
    PoolMemberBody,
    PoolMemberQuery,
    PoolQuery,
    PoolSummary,
    PoolUpdate,
    QueryRevision,
    SavedQueryBody,
    SavedQueryQuery,
)

router = DomainRouter("pools")


@router.post("/pools", status_code=status.HTTP_201_CREATED)
async def create_pool(session: SessionDep, actor: StaffActor, data: PoolCreate) -> PoolBody:
    """建立专题库 · A draft of one's region: a query, and what is decided by hand besides."""
    return await members.show(session, actor, await operations.create(session, actor, data))


@router.get("/pools")
async def list_pools(
    pages: PagesDep, actor: StaffActor, query: Annotated[PoolQuery, Query()]
) -> Page[PoolSummary]:
    """专题库列表 · Those of one's region, and all that are in use."""
    return await operations.search(pages, actor, query)


@router.get("/pools/{pool_id:uuid}")
async def read_pool(session: SessionDep, actor: StaffActor, pool_id: UUID) -> PoolBody:
    """专题库详情 · What it asks, how many are in it, and how many are left out without consent."""
    return await members.show(session, actor, await operations.get(session, actor, pool_id))


@router.patch("/pools/{pool_id:uuid}")
async def update_pool(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: PoolUpdate
) -> PoolBody:
    """修改专题库 · Change what the body names; the query by `:revise-query`."""
    return await members.show(
        session, actor, await operations.update(session, actor, pool_id, data)
    )


@router.post("/pools/{pool_id:uuid}:revise-query")
async def revise_pool_query(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: QueryRevision
) -> PoolBody:
    """修改查询 · A new version with the reason; those before stay readable."""
    return await members.show(
        session, actor, await operations.revise_query(session, actor, pool_id, data)
    )


@router.get("/pools/{pool_id:uuid}/queries")
async def list_pool_queries(
    pages: PagesDep, actor: StaffActor, pool_id: UUID, query: Annotated[SavedQueryQuery, Query()]
) -> Page[SavedQueryBody]:
    """查询版本 · What it asked, since when, by whom and why, the latest first."""
    return await operations.queries(pages, actor, pool_id, query)


@router.get("/pools/{pool_id:uuid}/members")
async def list_pool_members(
    pages: PagesDep, actor: StaffActor, pool_id: UUID, query: Annotated[PoolMemberQuery, Query()]
) -> Page[PoolMemberBody]:
    """成员名单 · Found or added, each with why; by `origin` also who is kept out."""
    return await members.search(pages, actor, pool_id, query)


@router.post("/pools/{pool_id:uuid}:add-member")
async def add_pool_member(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: MemberDecision
) -> PoolBody:
    """人工增补 · In the pool whatever the query says; who is overseas, with their consent."""
    made = await members.decide(session, actor, pool_id, data, is_excluded=False)
    return await members.show(session, actor, made)


@router.post("/pools/{pool_id:uuid}:exclude-member")
async def exclude_pool_member(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: MemberDecision
) -> PoolBody:
    """人工排除 · Out of the pool although the query finds them."""
    made = await members.decide(session, actor, pool_id, data, is_excluded=True)
    return await members.show(session, actor, made)


@router.post("/pools/{pool_id:uuid}:release-member")
async def release_pool_member(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: MemberRelease
) -> PoolBody:
    """撤销人工决定 · The query alone decides on them again."""
    return await members.show(session, actor, await members.release(session, actor, pool_id, data))


@router.post("/pools/{pool_id:uuid}:submit")
async def submit_pool(session: SessionDep, actor: StaffActor, pool_id: UUID) -> PoolBody:
    """提交 · Hand the draft in for review; it stays as it is until then."""
    return await members.show(
        session, actor, await operations.move(session, actor, pool_id, "submit")
    )


@router.post("/pools/{pool_id:uuid}:return")
async def return_pool(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: Reason
) -> PoolBody:
    """退回修改 · Back to the draft, with the reason."""
    moved = await operations.move(session, actor, pool_id, "return", data.reason)
    return await members.show(session, actor, moved)


@router.post("/pools/{pool_id:uuid}:approve")
async def approve_pool(session: SessionDep, actor: StaffActor, pool_id: UUID) -> PoolBody:
    """启用 · In use: the staff of all regions read it."""
    return await members.show(
        session, actor, await operations.move(session, actor, pool_id, "approve")
    )


@router.post("/pools/{pool_id:uuid}:suspend")
async def suspend_pool(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: Reason
) -> PoolBody:
    """暂停 · For a while its own region alone reads it."""
    moved = await operations.move(session, actor, pool_id, "suspend", data.reason)
    return await members.show(session, actor, moved)


@router.post("/pools/{pool_id:uuid}:reinstate")
async def reinstate_pool(session: SessionDep, actor: StaffActor, pool_id: UUID) -> PoolBody:
    """恢复使用 · In use again."""
    return await members.show(
        session, actor, await operations.move(session, actor, pool_id, "reinstate")
    )


@router.post("/pools/{pool_id:uuid}:remove")
async def remove_pool(
    session: SessionDep, actor: StaffActor, pool_id: UUID, data: Reason
) -> PoolBody:
    """移除 · For good, with the reason; its region still reads what it was."""
    moved = await operations.move(session, actor, pool_id, "remove", data.reason)
    return await members.show(session, actor, moved)
