"""HTTP for collection campaigns."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.campaigns import entering, operations
from app.campaigns.schemas import (
    CampaignBody,
    CampaignCounts,
    CampaignCreate,
    CampaignQuery,
    CampaignUpdate,
    EnteredDemand,
    EnteredQuery,
    EntryData,
)
from app.clock import MomentDep
from app.database import SessionDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("campaigns")


@router.post("/campaigns", status_code=status.HTTP_201_CREATED)
async def create_campaign(
    session: SessionDep, actor: StaffActor, data: CampaignCreate
) -> CampaignBody:
    """发起征集 · A draft that its own staff alone see."""
    return operations.show(actor, await operations.create(session, actor, data))


@router.get("/campaigns")
async def list_campaigns(
    pages: PagesDep, actor: CurrentActor, query: Annotated[CampaignQuery, Query()]
) -> Page[CampaignBody]:
    """征集列表 · All that were opened; for the staff of their region drafts, too."""
    return await operations.search(pages, actor, query)


@router.get("/campaigns/{campaign_id:uuid}")
async def read_campaign(
    session: SessionDep, actor: CurrentActor, campaign_id: UUID
) -> CampaignBody:
    """征集详情 · Whom it asks, until when, and whether demands may be entered today."""
    return operations.show(actor, await operations.get(session, actor, campaign_id))


@router.patch("/campaigns/{campaign_id:uuid}")
async def update_campaign(
    session: SessionDep, actor: StaffActor, campaign_id: UUID, data: CampaignUpdate
) -> CampaignBody:
    """修改征集 · Change what the body names, until it is consolidated."""
    return operations.show(actor, await operations.update(session, actor, campaign_id, data))


@router.post("/campaigns/{campaign_id:uuid}:open")
async def open_campaign(
    session: SessionDep, actor: StaffActor, moment: MomentDep, campaign_id: UUID
) -> CampaignBody:
    """开始征集 · Everybody signed in reads it, and enterprises enter demands to its last day."""
    return operations.show(
        actor, await operations.move(session, actor, campaign_id, "open", moment)
    )


@router.post("/campaigns/{campaign_id:uuid}:enter")
async def enter_campaign(
    session: SessionDep, actor: CurrentActor, campaign_id: UUID, data: EntryData
) -> CampaignBody:
    """参加征集 · A demand that was handed in; 409 names every reason why it is not taken."""
    return operations.show(actor, await entering.enter(session, actor, campaign_id, data))


@router.post("/campaigns/{campaign_id:uuid}:take-out")
async def take_out_of_campaign(
    session: SessionDep, actor: CurrentActor, campaign_id: UUID, data: EntryData
) -> CampaignBody:
    """退出征集 · Take a demand out again, while the campaign is open."""
    return operations.show(actor, await entering.take_out(session, actor, campaign_id, data))


@router.post("/campaigns/{campaign_id:uuid}:close")
async def close_campaign(
    session: SessionDep, actor: StaffActor, moment: MomentDep, campaign_id: UUID
) -> CampaignBody:
    """截止 · Nothing more is entered; after its last day nothing is anyhow."""
    return operations.show(
        actor, await operations.move(session, actor, campaign_id, "close", moment)
    )


@router.post("/campaigns/{campaign_id:uuid}:reopen")
async def reopen_campaign(
    session: SessionDep, actor: StaffActor, moment: MomentDep, campaign_id: UUID
) -> CampaignBody:
    """重新开放 · Open again; a last day that is past is changed by `PATCH`."""
    return operations.show(
        actor, await operations.move(session, actor, campaign_id, "reopen", moment)
    )


@router.post("/campaigns/{campaign_id:uuid}:consolidate")
async def consolidate_campaign(
    session: SessionDep, actor: StaffActor, moment: MomentDep, campaign_id: UUID
) -> CampaignBody:
    """汇总 · The list is settled; `demands` and `counts` tell what it holds."""
    return operations.show(
        actor, await operations.move(session, actor, campaign_id, "consolidate", moment)
    )


@router.post("/campaigns/{campaign_id:uuid}:publish")
async def publish_campaign(
    session: SessionDep, actor: StaffActor, moment: MomentDep, campaign_id: UUID
) -> CampaignBody:
    """发布 · Everybody signed in reads the summaries of those of its demands that are published."""
    return operations.show(
        actor, await operations.move(session, actor, campaign_id, "publish", moment)
    )


@router.get("/campaigns/{campaign_id:uuid}/demands")
async def list_campaign_demands(
    pages: PagesDep, actor: CurrentActor, campaign_id: UUID, query: Annotated[EnteredQuery, Query()]
) -> Page[EnteredDemand]:
    """征集清单 · For its staff all; for others their own, once published the published ones."""
    return await operations.entered(pages, actor, campaign_id, query)


@router.get("/campaigns/{campaign_id:uuid}/counts")
async def count_campaign_demands(
    session: SessionDep, actor: StaffActor, campaign_id: UUID
) -> CampaignCounts:
    """征集统计 · How many were entered, by field, region and state; for its staff."""
    return await operations.counts(session, actor, campaign_id)
