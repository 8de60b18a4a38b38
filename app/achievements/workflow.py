"""An achievement's way into the pool and out of it."""

from app.achievements.models import Achievement
from app.achievements.models import AchievementState as S
from app.transitions import Party, Transition

ORGANIZATION, STAFF = Party.ORGANIZATION, Party.STAFF

TRANSITIONS = {
    "review": Transition(
        sources=frozenset({S.REGISTERED}), target=S.REVIEWED, parties=frozenset({STAFF})
    ),
    "publish": Transition(
        sources=frozenset({S.REVIEWED}), target=S.PUBLISHED, parties=frozenset({STAFF})
    ),
    "return": Transition(
        sources=frozenset({S.REGISTERED, S.REVIEWED, S.PUBLISHED}),
        target=S.REGISTERED,
        parties=frozenset({STAFF}),
    ),
    "withdraw": Transition(
        sources=frozenset({S.REGISTERED, S.REVIEWED, S.PUBLISHED}),
        target=S.WITHDRAWN,
        parties=frozenset({ORGANIZATION, STAFF}),
    ),
    "restore": Transition(
        sources=frozenset({S.WITHDRAWN}),
        target=S.REGISTERED,
        parties=frozenset({ORGANIZATION, STAFF}),
    ),
}

# What was reviewed may be corrected only by those who review.
EDITABLE = {
    ORGANIZATION: frozenset({S.REGISTERED}),
    STAFF: frozenset({S.REGISTERED, S.REVIEWED, S.PUBLISHED}),
}


def editable_states(parties: set[Party]) -> frozenset[S]:
    """The states in which any of these parties may edit."""
    return frozenset().union(*(EDITABLE.get(party, frozenset()) for party in parties))


def settle(achievement: Achievement, state: S, reason: str = "") -> None:
    """Put the achievement into a state; the reason of the state before goes."""
    achievement.state, achievement.state_reason = state, reason
