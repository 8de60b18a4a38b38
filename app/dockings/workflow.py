"""A docking's way from recommendation to follow-up: who may take which step, and from where."""

from datetime import datetime

from app.clock import now
from app.dockings.models import Docking, Setback, Side
from app.dockings.models import DockingState as S
from app.transitions import Party, Transition

STAFF = frozenset({Party.STAFF})
BOTH_SIDES = frozenset({Party.PERSON, Party.ORGANIZATION})
ALL = BOTH_SIDES | STAFF
TALKING = frozenset({S.CONTACTED, S.VISITED, S.NEGOTIATING})
UNDER_WAY = TALKING | {S.INTENT, S.SIGNED, S.IN_PROGRESS}

TRANSITIONS = {
    "invite": Transition(
        sources=frozenset({S.RECOMMENDED, S.EXPIRED}), target=S.INVITED, parties=STAFF
    ),
    # Once both sides have accepted; until then the invitation stands.
    "accept-invitation": Transition(
        sources=frozenset({S.INVITED}), target=S.CONTACTED, parties=ALL
    ),
    "visit": Transition(sources=TALKING, target=S.VISITED, parties=ALL),
    "negotiate": Transition(
        sources=frozenset({S.CONTACTED, S.VISITED}), target=S.NEGOTIATING, parties=ALL
    ),
    "agree-intent": Transition(sources=TALKING, target=S.INTENT, parties=ALL),
    "sign": Transition(
        sources=frozenset({S.NEGOTIATING, S.INTENT}),
        target=S.SIGNED,
        parties=frozenset({Party.ORGANIZATION, Party.STAFF}),
    ),
    "begin": Transition(sources=frozenset({S.SIGNED}), target=S.IN_PROGRESS, parties=ALL),
    "accept-result": Transition(
        sources=frozenset({S.IN_PROGRESS}),
        target=S.ACCEPTED,
        parties=frozenset({Party.ORGANIZATION, Party.STAFF}),
    ),
    "follow-up": Transition(sources=frozenset({S.ACCEPTED}), target=S.FOLLOWED_UP, parties=STAFF),
    "decline": Transition(
        sources=frozenset({S.RECOMMENDED, S.INVITED}), target=S.DECLINED, parties=ALL
    ),
    "fail": Transition(sources=UNDER_WAY, target=S.FAILED, parties=ALL),
}

CLOSED = frozenset({S.DECLINED, S.EXPIRED, S.FAILED, S.FOLLOWED_UP})


def settle(docking: Docking, state: S, setback: Setback | None = None) -> None:
    """Put the docking into a state, and stamp its time; the setback of the state before goes."""
    docking.state, docking.setback = state, setback
    docking.closed_at = now() if state in CLOSED else None


def invite(docking: Docking, moment: datetime) -> None:
    """A new invitation, which nobody has accepted yet."""
    docking.invited_at = moment
    docking.expert_accepted_at = docking.enterprise_accepted_at = None


def accept(docking: Docking, side: Side) -> bool:
    """Note that one side accepts; whether both have."""
    if side is Side.EXPERT:
        docking.expert_accepted_at = docking.expert_accepted_at or now()
    else:
        docking.enterprise_accepted_at = docking.enterprise_accepted_at or now()
    return None not in (docking.expert_accepted_at, docking.enterprise_accepted_at)
