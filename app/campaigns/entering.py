"""Demands come into a campaign while it is open, within its scope, its last day and its quota."""

from collections.abc import Collection, Iterator
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.campaigns import repository
from app.campaigns.access import is_accepting, may_read
from app.campaigns.models import Campaign, CampaignEntry, CampaignState
from app.campaigns.operations import get, tell
from app.campaigns.schemas import EntryData
from app.campaigns.workflow import ENTERED_FROM
from app.demands import operations as demands
from app.demands.models import Demand
from app.demands.workflow import DEMAND
from app.interface.errors import Conflict, NotFound, WrongState, invalid_field
from app.interface.language import Text
from app.interface.preconditions import admitted
from app.interface.validation import FieldError
from app.organizations.actors import Actor
from app.reference.codes import branches
from app.regions import covers
from app.scopes import Scope, borrowed

OUT_OF_REGION = Text("需求不在征集地区", "The demand is not of the campaign's regions")
OUT_OF_INDUSTRY = Text("需求不在征集行业", "The demand is not of the campaign's industries")
OUT_OF_FIELD = Text("需求不在征集技术领域", "The demand is not of the campaign's fields")
TOO_LATE = Text("征集已于 {day} 截止", "The campaign ended on {day}")
FULL = Text("征集名额 {quota} 条已满", "All {quota} places of the campaign are taken")
TWICE = Text("该需求已参加此次征集", "The demand has been entered already")


async def enter(
    session: AsyncSession, actor: Actor, campaign_id: UUID, data: EntryData
) -> Campaign:
    """Put a demand that was handed in into the campaign, by its enterprise or its staff."""
    campaign, demand = await _hold(session, actor, campaign_id, data.demand_id, "enter")
    if demand.state not in ENTERED_FROM:
        allowed = sorted(ENTERED_FROM)
        raise WrongState(verb="enter", state=demand.state, allowed=allowed, of=DEMAND)
    async with borrowed(session, Scope.SERVICE):  # what others have entered counts, too
        count = await repository.count_entries(session, campaign.id)
    faults = [*_faults(campaign, demand, count)]
    if await repository.find_entry(session, campaign.id, demand.id) is not None:
        faults = [_fault("entered_already", TWICE)]  # it may have taken the last place itself
    if faults:
        raise Conflict(faults[0].message, errors=faults)
    session.add(
        CampaignEntry(campaign_id=campaign.id, demand_id=demand.id, account_id=actor.account_id)
    )
    await tell(session, actor, campaign, "entered", demand_id=str(demand.id))
    return campaign


async def take_out(
    session: AsyncSession, actor: Actor, campaign_id: UUID, data: EntryData
) -> Campaign:
    """Take a demand out again, while the campaign is open."""
    campaign, demand = await _hold(session, actor, campaign_id, data.demand_id, "take-out")
    entry = await repository.find_entry(session, campaign.id, demand.id)
    if entry is None:
        raise invalid_field("/demand_id", "not_entered", "该需求未参加征集", "It is not entered")
    await session.delete(entry)
    await tell(session, actor, campaign, "taken_out", demand_id=str(demand.id))
    return campaign


async def _hold(
    session: AsyncSession, actor: Actor, campaign_id: UUID, demand_id: UUID, verb: str
) -> tuple[Campaign, Demand]:
    """The open campaign and a demand of the actor's, both locked, so that no quota is exceeded."""
    await get(session, actor, campaign_id)
    try:
        demand = await demands.get_managed(session, actor, demand_id)
    except NotFound:
        raise invalid_field("/demand_id", "unknown", "没有此需求", "No such demand") from None
    async with borrowed(session, Scope.SERVICE):  # enterprises may not change it
        found = await repository.find(session, campaign_id, is_for_update=True)
    reads = partial(may_read, actor)
    campaign = admitted(session, found, may_read=reads, may_touch=reads)
    if campaign.state is not CampaignState.OPEN:
        allowed = [CampaignState.OPEN]
        raise WrongState(verb=verb, state=campaign.state, allowed=allowed)
    return campaign, demand


def _faults(campaign: Campaign, demand: Demand, count: int) -> Iterator[FieldError]:
    """Why the campaign does not take the demand now."""
    if not is_accepting(campaign):
        yield _fault("deadline_passed", TOO_LATE.format(day=campaign.closes_on.isoformat()))
    if campaign.quota is not None and count >= campaign.quota:
        yield _fault("quota_reached", FULL.format(quota=campaign.quota))
    regions: list[str | None] = [*campaign.region_codes] or [campaign.region_code]
    if not any(_is_inside(demand.region_code, code) for code in regions):
        yield _fault("region_out_of_scope", OUT_OF_REGION)
    industries = {part for code in campaign.industry_codes for part in branches("industries", code)}
    if _is_missing(demand.industry_code, industries):
        yield _fault("industry_out_of_scope", OUT_OF_INDUSTRY)
    if _is_missing(demand.technology_field, campaign.technology_fields):
        yield _fault("field_out_of_scope", OUT_OF_FIELD)


def _is_inside(region_code: str | None, scope: str | None) -> bool:
    """A demand of no region is in the scope of the whole country alone."""
    return scope is None or (region_code is not None and covers(scope, region_code))


def _is_missing(code: str | None, wanted: Collection[str]) -> bool:
    return bool(wanted) and code not in wanted


def _fault(code: str, message: Text) -> FieldError:
    return FieldError(pointer="/demand_id", code=code, message=message)
