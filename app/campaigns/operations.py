"""Collection campaigns: drafted, opened, closed, consolidated and published by the staff."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import or_, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.campaigns import repository
from app.campaigns.access import (
    allowed_actions,
    is_accepting,
    may_manage,
    may_read,
    parties_of,
    readable,
)
from app.campaigns.models import Campaign, CampaignEntry, CampaignState
from app.campaigns.schemas import (
    CampaignBody,
    CampaignCounts,
    CampaignCreate,
    CampaignQuery,
    CampaignUpdate,
    CountOf,
    EnteredDemand,
    EnteredQuery,
)
from app.campaigns.workflow import EDITABLE, TRANSITIONS, settle
from app.changes import operations as changes
from app.clock import day_of
from app.demands import access as demand_access
from app.demands.models import Demand
from app.demands.workflow import PUBLIC
from app.interface.errors import (
    NOT_IN_REGION,
    Forbidden,
    NotFound,
    WrongState,
    conflicting_field,
    invalid_field,
)
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.organizations.actors import Actor
from app.regions import covers
from app.scopes import Scope, borrowed
from app.transitions import next_state

SORTS = {"created_at": Campaign.created_at}
OVER_ALREADY = Text(
    "截止日期 {day} 已过，请先改期再开始征集", "Its last day, {day}, has passed; move it first"
)


async def create(session: AsyncSession, actor: Actor, data: CampaignCreate) -> Campaign:
    campaign = Campaign(
        **data.model_dump(exclude={"region_code"}),
        state=CampaignState.DRAFT,
        region_code=actor.region_for(data.region_code),
    )
    if not may_manage(actor, campaign):
        raise Forbidden(NOT_IN_REGION)
    _require_own_regions(campaign)
    session.add(campaign)
    await session.flush()
    await tell(session, actor, campaign, "created")
    return campaign


async def get(session: AsyncSession, actor: Actor, campaign_id: UUID) -> Campaign:
    """The campaign, if the actor may read it."""
    campaign = await repository.find(session, campaign_id)
    if campaign is None or not may_read(actor, campaign):
        raise NotFound()
    return campaign


async def hold(session: AsyncSession, actor: Actor, campaign_id: UUID) -> Campaign:
    """The campaign, locked, for the staff of its region."""
    return admitted(
        session,
        await repository.find(session, campaign_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_manage, actor),
    )


async def search(pages: Pages, actor: Actor, query: CampaignQuery) -> Page[CampaignBody]:
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=partial(show, actor),
    )


async def update(
    session: AsyncSession, actor: Actor, campaign_id: UUID, data: CampaignUpdate
) -> Campaign:
    """Change what the body names, until it is consolidated; what was entered before stays in."""
    campaign = await hold(session, actor, campaign_id)
    if campaign.state not in EDITABLE:
        raise WrongState(verb="update", state=campaign.state, allowed=sorted(EDITABLE))
    wanted = data.changes()
    for name, value in wanted.items():
        setattr(campaign, name, value)
    _require_own_regions(campaign)
    await session.flush()
    await tell(session, actor, campaign, "updated", fields=sorted(wanted))
    return campaign


async def move(
    session: AsyncSession, actor: Actor, campaign_id: UUID, verb: str, moment: datetime
) -> Campaign:
    """Take one step of the life cycle."""
    campaign = await hold(session, actor, campaign_id)
    target = next_state(TRANSITIONS, verb, campaign.state, parties_of(actor, campaign))
    if verb == "open":
        _require_days_left(campaign, moment)
    settle(campaign, target, moment)
    await session.flush()
    await tell(session, actor, campaign, target)
    return campaign


async def entered(
    pages: Pages, actor: Actor, campaign_id: UUID, query: EnteredQuery
) -> Page[EnteredDemand]:
    """For its staff all demands; for others their own, and those published once it is published."""
    campaign = await get(pages.session, actor, campaign_id)
    read = partial(
        pages.read,
        query=query,
        columns={"created_at": CampaignEntry.created_at},
        show=partial(_show_entry, actor),
    )
    if may_manage(actor, campaign):
        return await read(repository.listed_entries(campaign.id, true()))
    own = demand_access.readable_in_full(actor)
    if campaign.state is not CampaignState.PUBLISHED:
        return await read(repository.listed_entries(campaign.id, own))
    shown = or_(own, Demand.state.in_(PUBLIC))
    async with borrowed(pages.session, Scope.SERVICE):  # others' demands are read nowhere else
        return await read(repository.listed_entries(campaign.id, shown))


async def counts(session: AsyncSession, actor: Actor, campaign_id: UUID) -> CampaignCounts:
    """What was entered, by field, region and state, for the staff of its region."""
    campaign = await get(session, actor, campaign_id)
    if not may_manage(actor, campaign):
        raise Forbidden()
    rows = await repository.counts(session, campaign.id)
    return CampaignCounts(
        total=sum(row[3] for row in rows),
        by_technology_field=_summed((row[0], row[3]) for row in rows),
        by_region=_summed((row[1], row[3]) for row in rows),
        by_state=_summed((row[2], row[3]) for row in rows),
    )


def show(actor: Actor, campaign: Campaign) -> CampaignBody:
    return CampaignBody.of(
        campaign,
        is_accepting=is_accepting(campaign),
        allowed_actions=allowed_actions(actor, campaign),
    )


async def tell(
    session: AsyncSession, actor: Actor, campaign: Campaign, what: str, **data: Any
) -> None:
    """Note what happened to the campaign."""
    kind = f"campaign.{what}"
    await changes.append(session, kind, campaign.id, actor_id=actor.account_id, data=data)


def _summed(counted: Iterable[tuple[str | None, int]]) -> list[CountOf]:
    sums = Counter[str | None]()
    for code, count in counted:
        sums[code] += count
    ordered = sorted(sums.items(), key=lambda one: (-one[1], one[0] or ""))
    return [CountOf(code=code, count=count) for code, count in ordered]


def _show_entry(actor: Actor, entry: CampaignEntry) -> EnteredDemand:
    demand = entry.demand
    is_full = demand_access.may_read_in_full(actor, demand)
    shown = ("title", "state", "public_summary", "keywords")
    placed = ("technology_field", "industry_code", "region_code")
    return EnteredDemand.of(
        entry,
        **{name: getattr(demand, name) for name in (*shown, *placed)},
        organization_name=demand.organization.name if is_full else None,
    )


def _require_days_left(campaign: Campaign, moment: datetime) -> None:
    """Nothing could be entered; to reopen is another thing, for demands are taken out then."""
    if day_of(moment) > campaign.closes_on:
        message = OVER_ALREADY.format(day=campaign.closes_on.isoformat())
        raise conflicting_field("/closes_on", "deadline_passed", message)


def _require_own_regions(campaign: Campaign) -> None:
    """A campaign collects within the region whose staff run it."""
    if not all(covers(campaign.region_code, code) for code in campaign.region_codes):
        raise invalid_field(
            "/region_codes", "not_in_region", "不在征集单位的地区", "Not in the campaign's region"
        )
