"""An expert's way into the pool and out of it."""

from datetime import datetime

from app.experts.models import Expert, Invitation, InvitationState, RemovalCause
from app.experts.models import ExpertState as S
from app.transitions import Party, Transition

PERSON, ORGANIZATION, STAFF = Party.PERSON, Party.ORGANIZATION, Party.STAFF

# Of whoever has left for good nothing new is kept: retention erases a record only once.
PRESENT = frozenset(set(S) - {S.REMOVED})

TRANSITIONS = {
    "submit": Transition(
        sources=frozenset({S.DRAFT}),
        target=S.SUBMITTED,
        parties=frozenset({PERSON, ORGANIZATION, STAFF}),
    ),
    "begin-review": Transition(
        sources=frozenset({S.SUBMITTED}),
        target=S.ORGANIZATION_REVIEW,
        parties=frozenset({ORGANIZATION, STAFF}),
    ),
    "recommend": Transition(
        sources=frozenset({S.ORGANIZATION_REVIEW}),
        target=S.RECOMMENDED,
        parties=frozenset({ORGANIZATION, STAFF}),
    ),
    "return": Transition(
        sources=frozenset({S.SUBMITTED, S.ORGANIZATION_REVIEW, S.RECOMMENDED}),
        target=S.DRAFT,
        parties=frozenset({ORGANIZATION, STAFF}),
    ),
    "admit": Transition(
        sources=frozenset({S.RECOMMENDED}), target=S.IN_POOL, parties=frozenset({STAFF})
    ),
    "suspend": Transition(
        sources=frozenset({S.IN_POOL}), target=S.SUSPENDED, parties=frozenset({PERSON, STAFF})
    ),
    "reinstate": Transition(
        sources=frozenset({S.SUSPENDED}), target=S.IN_POOL, parties=frozenset({STAFF})
    ),
    "remove": Transition(sources=PRESENT, target=S.REMOVED, parties=frozenset({STAFF})),
}

# Whoever may touch the record may edit it in these states; in the pool, too, since a profile
# lives on; a reviewer must not find the text changing under their eyes.
EDITABLE = frozenset({S.DRAFT, S.IN_POOL, S.SUSPENDED})


# Whom the pool holds, or held and may hold again, stays complete.
ADMITTED = frozenset({S.IN_POOL, S.SUSPENDED})


def settle(expert: Expert, state: S, reason: str = "", cause: RemovalCause | None = None) -> None:
    """Put the expert into a state; the reason of the state before goes."""
    expert.state, expert.state_reason, expert.removal_cause = state, reason, cause


# Whoever has accepted may still refuse while the other side thinks; all else ends what is open.
ANSWERED_FROM = {
    InvitationState.ACCEPTED: frozenset({InvitationState.OPEN}),
    InvitationState.REFUSED: frozenset({InvitationState.OPEN, InvitationState.ACCEPTED}),
    InvitationState.WITHDRAWN: frozenset({InvitationState.OPEN}),
    InvitationState.EXPIRED: frozenset({InvitationState.OPEN}),
    InvitationState.TAKEN_BACK: frozenset({InvitationState.OPEN}),
}


def answer(invitation: Invitation, state: InvitationState, moment: datetime) -> bool:
    """Note how an invitation ended; whether that was new."""
    is_new = invitation.state in ANSWERED_FROM[state]
    if is_new:
        invitation.state, invitation.answered_at = state, moment
    return is_new
