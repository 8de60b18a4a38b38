"""A collection campaign's way from its draft to what is published of it."""

from datetime import datetime

from app.campaigns.models import Campaign
from app.campaigns.models import CampaignState as S
from app.demands.workflow import PUBLIC, UNDER_REVIEW
from app.transitions import STAFF, Transition

TRANSITIONS = {
    "open": Transition(sources=frozenset({S.DRAFT}), target=S.OPEN, parties=STAFF),
    "close": Transition(sources=frozenset({S.OPEN}), target=S.CLOSED, parties=STAFF),
    "reopen": Transition(sources=frozenset({S.CLOSED}), target=S.OPEN, parties=STAFF),
    "consolidate": Transition(sources=frozenset({S.CLOSED}), target=S.CONSOLIDATED, parties=STAFF),
    "publish": Transition(sources=frozenset({S.CONSOLIDATED}), target=S.PUBLISHED, parties=STAFF),
}

# While it runs its last day and quota may have to move.
EDITABLE = frozenset({S.DRAFT, S.OPEN, S.CLOSED})
# What was handed in, and did not come to nothing since.
ENTERED_FROM = UNDER_REVIEW | PUBLIC


def settle(campaign: Campaign, state: S, moment: datetime) -> None:
    """Put the campaign into a state, and stamp its publication."""
    campaign.state = state
    if state is S.PUBLISHED:
        campaign.published_at = moment
