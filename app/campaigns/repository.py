"""Every SELECT on campaigns and what was entered into them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app import queries
from app.campaigns.models import Campaign, CampaignEntry
from app.campaigns.schemas import CampaignQuery
from app.demands.models import Demand, DemandState


async def find(
    session: AsyncSession, campaign_id: UUID, *, is_for_update: bool = False
) -> Campaign | None:
    """The campaign; see `queries.find`."""
    return await queries.find(session, Campaign, campaign_id, is_for_update=is_for_update)


def listed(query: CampaignQuery, readable: ColumnElement[bool]) -> Select[Campaign]:
    """Readable campaigns that meet the filters."""
    return select(Campaign).where(
        readable, *queries.equals(Campaign, query, ("state", "region_code"))
    )


def listed_entries(campaign_id: UUID, which: ColumnElement[bool]) -> Select[CampaignEntry]:
    """Entries of the campaign whose demands the scope shows, with them."""
    return (
        select(CampaignEntry)
        .join(CampaignEntry.demand)
        .options(contains_eager(CampaignEntry.demand))
        .where(CampaignEntry.campaign_id == campaign_id, which)
    )


async def find_entry(
    session: AsyncSession, campaign_id: UUID, demand_id: UUID
) -> CampaignEntry | None:
    wanted = (CampaignEntry.campaign_id == campaign_id, CampaignEntry.demand_id == demand_id)
    return await session.scalar(select(CampaignEntry).where(*wanted))


async def count_entries(session: AsyncSession, campaign_id: UUID) -> int:
    """How many there are, as far as the scope shows them."""
    counted = select(func.count()).select_from(CampaignEntry)
    return await session.scalar(counted.where(CampaignEntry.campaign_id == campaign_id)) or 0


async def counts(
    session: AsyncSession, campaign_id: UUID
) -> Sequence[Row[str | None, str | None, DemandState, int]]:
    """By technology field, region and state of the demands, how many were entered."""
    by = (Demand.technology_field, Demand.region_code, Demand.state)
    statement = select(*by, func.count()).join(CampaignEntry, CampaignEntry.demand_id == Demand.id)
    return (
        await session.execute(
            statement.where(CampaignEntry.campaign_id == campaign_id).group_by(*by)
        )
    ).all()
