"""HTTP for achievements."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.accounts.dependencies import CurrentAccount
from app.achievements import operations
from app.achievements.models import Achievement
from app.achievements.schemas import (
    AchievementBody,
    AchievementCreate,
    AchievementQuery,
    AchievementSummary,
    AchievementUpdate,
)
from app.database import SessionDep
from app.interface.batch import add_batch
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("achievements")


@router.post("/achievements", status_code=status.HTTP_201_CREATED)
async def create_achievement(
    session: SessionDep, actor: CurrentActor, data: AchievementCreate
) -> AchievementBody:
    """登记成果 · By a member of the completing organization, or staff of the region."""
    return operations.show(actor, await operations.create(session, actor, data))


@router.get("/achievements")
async def list_achievements(
    pages: PagesDep, actor: CurrentActor, query: Annotated[AchievementQuery, Query()]
) -> Page[AchievementSummary]:
    """成果列表 · Published results for everyone, and those that one manages."""
    return await operations.search(pages, actor, query)


@router.get("/achievements/{achievement_id:uuid}")
async def read_achievement(
    session: SessionDep, actor: CurrentActor, achievement_id: UUID
) -> AchievementBody:
    """成果详情 · One result."""
    return operations.show(actor, await operations.get(session, actor, achievement_id))


@router.patch("/achievements/{achievement_id:uuid}")
async def update_achievement(
    session: SessionDep, actor: CurrentActor, achievement_id: UUID, data: AchievementUpdate
) -> AchievementBody:
    """修改成果 · Change what the body names; once reviewed, only by staff."""
    return operations.show(actor, await operations.update(session, actor, achievement_id, data))


@router.post("/achievements/{achievement_id:uuid}:review")
async def review_achievement(
    session: SessionDep, actor: StaffActor, achievement_id: UUID
) -> AchievementBody:
    """审核通过 · Staff confirm a complete result; classified ones are refused."""
    return operations.show(actor, await operations.move(session, actor, achievement_id, "review"))


@router.post("/achievements/{achievement_id:uuid}:publish")
async def publish_achievement(
    session: SessionDep, actor: StaffActor, achievement_id: UUID
) -> AchievementBody:
    """公开 · Into the pool, for everyone signed in to read."""
    return operations.show(actor, await operations.move(session, actor, achievement_id, "publish"))


@router.post("/achievements/{achievement_id:uuid}:return")
async def return_achievement(
    session: SessionDep, actor: StaffActor, achievement_id: UUID, data: Reason
) -> AchievementBody:
    """退回修改 · Back to its organization for correction, with the reason."""
    moved = await operations.move(session, actor, achievement_id, "return", data.reason)
    return operations.show(actor, moved)


@router.post("/achievements/{achievement_id:uuid}:withdraw")
async def withdraw_achievement(
    session: SessionDep, actor: CurrentActor, achievement_id: UUID, data: Reason
) -> AchievementBody:
    """撤回 · Out of the pool, by its organization or by staff, with the reason."""
    moved = await operations.move(session, actor, achievement_id, "withdraw", data.reason)
    return operations.show(actor, moved)


@router.post("/achievements/{achievement_id:uuid}:restore")
async def restore_achievement(
    session: SessionDep, actor: CurrentActor, achievement_id: UUID
) -> AchievementBody:
    """恢复登记 · A withdrawn result is registered again, to be reviewed anew."""
    return operations.show(actor, await operations.move(session, actor, achievement_id, "restore"))


add_batch(router, "achievements", Achievement, CurrentAccount)
