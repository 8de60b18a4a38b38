"""A docking's way from recommendation to follow-up: who may take which step, and from where."""

from datetime import datetime

from app.dockings.models import Docking, Setback, Side
from app.dockings.models import DockingState as S
from app.transitions import STAFF, Party, Transition

BOTH_SIDES = frozenset({Party.PERSON, Party.ORGANIZATION})
ALL = BOTH_SIDES | STAFF
TALKING = frozenset({S.CONTACTED, S.VISITED, S.NEGOTIATING})
UNDER_WAY = TALKING | {S.INTENT, S.SIGNED, S.IN_PROGRESS}

TRANSITIONS = {
    "invite": Transition(
        sources=frozenset({S.RECOMMENDED, S.EXPIRED}), target=S.INVITED, parties=STAFF
    ),
    # As long as nobody has answered.
    "take-back": Transition(sources=frozenset({S.INVITED}), target=S.RECOMMENDED, parties=STAFF),
    # Once both sides have accepted; until then the invitation stands.
    "accept-invitation": Transition(
        sources=frozenset({S.INVITED}), target=S.CONTACTED, parties=ALL
    ),
    "accept-confidentiality": Transition(
        sources=frozenset({S.INVITED}) | UNDER_WAY,
        target=None,
        parties=frozenset({Party.PERSON, Party.STAFF}),
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
    # After the last of the follow-ups that the settings ask for; until then it stays accepted.
    "follow-up": Transition(sources=frozenset({S.ACCEPTED}), target=S.FOLLOWED_UP, parties=STAFF),
    "decline": Transition(
        sources=frozenset({S.RECOMMENDED, S.INVITED}), target=S.DECLINED, parties=ALL
    ),
    "fail": Transition(sources=UNDER_WAY, target=S.FAILED, parties=ALL),
}

# Both sides have accepted, and it has not come to nothing: what is signed and served in.
IN_CONTACT = UNDER_WAY | {S.ACCEPTED, S.FOLLOWED_UP}
WITHOUT_RESULT = frozenset({S.DECLINED, S.EXPIRED, S.FAILED})
CLOSED = WITHOUT_RESULT | {S.FOLLOWED_UP}


# What is told of a step that takes a docking nowhere, or back; else it is the state it has come to.
BACK = frozenset({"take-back"})
TOLD = {
    "take-back": "invitation_taken_back",
    "accept-invitation": "invitation_accepted",
    "accept-confidentiality": "confidentiality_accepted",
    "follow-up": "follow_up_made",
    "remind": "reminded",
    "escalate": "escalated",
}
BESIDE = (
    *("logged", "attached", "attachment_withdrawn", "rated"),
    *("agreement_drafted", "agreement_updated", "agreement_signed", "agreement_performed"),
    *("agreement_registered", "agreement_concluded"),
    *("service_recorded", "service_confirmed", "service_disputed", "service_counted"),
)
HAPPENINGS = (*S, *TOLD.values(), *BESIDE)


def happened(verb: str, state: S) -> str:
    """What a change tells of a step that left the docking in this state.

    >>> happened("accept-invitation", S.INVITED), happened("accept-invitation", S.CONTACTED)
    ('invitation_accepted', <DockingState.CONTACTED: 'contacted'>)
    """
    transition = TRANSITIONS.get(verb)
    has_come = transition is not None and transition.target is state and verb not in BACK
    return state if has_come else TOLD.get(verb, state)


def settle(docking: Docking, state: S, moment: datetime, setback: Setback | None = None) -> None:
    """Put the docking into a state; setback, deadline and reminders of the one before go."""
    docking.state, docking.setback = state, setback
    docking.closed_at = moment if state in CLOSED else None
    docking.due_on = docking.reminded_on = docking.escalated_on = None


def invite(docking: Docking, moment: datetime) -> None:
    """A new invitation, which nobody has accepted yet."""
    docking.invited_at = moment
    docking.expert_accepted_at = docking.enterprise_accepted_at = None


def is_answered(docking: Docking) -> bool:
    """Whether a side has said anything to the invitation, or the expert to its confidentiality."""
    answers = (docking.expert_accepted_at, docking.enterprise_accepted_at)
    return any(answers) or docking.confidentiality_accepted_at is not None


def waits_for_the_other(docking: Docking, side: Side) -> bool:
    """Whether this side has accepted the present invitation, and the other one has not."""
    accepted = {
        Side.EXPERT: docking.expert_accepted_at,
        Side.ENTERPRISE: docking.enterprise_accepted_at,
    }
    return accepted.get(side) is not None and None in accepted.values()


def accept(docking: Docking, side: Side, moment: datetime) -> bool:
    """Note that one side accepts; whether both have."""
    if side is Side.EXPERT:
        docking.expert_accepted_at = docking.expert_accepted_at or moment
    else:
        docking.enterprise_accepted_at = docking.enterprise_accepted_at or moment
    return None not in (docking.expert_accepted_at, docking.enterprise_accepted_at)
