"""Who may see and touch a campaign: the staff of its region; once it is open everybody reads it."""

from sqlalchemy import ColumnElement, or_

from app.campaigns.models import Campaign, CampaignState
from app.campaigns.workflow import EDITABLE, TRANSITIONS
from app.clock import today
from app.organizations.actors import Actor
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, campaign: Campaign) -> set[Party]:
    """In which capacities the actor touches this campaign."""
    return {Party.STAFF} if actor.manages_region(campaign.region_code) else set()


def may_manage(actor: Actor, campaign: Campaign) -> bool:
    return Party.STAFF in parties_of(actor, campaign)


def may_read(actor: Actor, campaign: Campaign) -> bool:
    return campaign.state is not CampaignState.DRAFT or may_manage(actor, campaign)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    is_open = Campaign.state != CampaignState.DRAFT
    if not actor.is_staff:
        return is_open
    return or_(is_open, in_jurisdiction(Campaign.region_code, actor.jurisdiction))


def is_accepting(campaign: Campaign) -> bool:
    """Whether demands may be entered today, as far as its quota goes."""
    return campaign.state is CampaignState.OPEN and today() <= campaign.closes_on


def allowed_actions(actor: Actor, campaign: Campaign) -> list[str]:
    """What the actor may do with this campaign now."""
    is_editable = may_manage(actor, campaign) and campaign.state in EDITABLE
    enters = actor.is_staff or bool(actor.organization_ids)
    is_open = enters and campaign.state is CampaignState.OPEN
    return [
        *(["update"] if is_editable else []),
        *possible_verbs(TRANSITIONS, campaign.state, parties_of(actor, campaign)),
        *(["enter"] if is_open and is_accepting(campaign) else []),
        *(["take-out"] if is_open else []),
    ]
