"""A demand's way from the enterprise's draft to publication."""

from app.clock import now
from app.demands.models import Demand
from app.demands.models import DemandState as S
from app.interface.language import Text
from app.transitions import Party, Transition

MEMBERS, STAFF = frozenset({Party.ORGANIZATION}), frozenset({Party.STAFF})
UNDER_REVIEW = frozenset({S.SUBMITTED, S.FORMAL_REVIEW, S.DEPARTMENT_REVIEW})
# For which experts are sought, and in which the public part is open to all staff and evaluators.
DEMAND = Text("需求", "demand")  # whose state it is that stands against a step elsewhere
SOUGHT = frozenset({S.PUBLISHED, S.DOCKING, S.TRACKING})
PUBLIC = SOUGHT | {S.SIGNED, S.FOLLOW_UP}

TRANSITIONS = {
    "submit": Transition(
        sources=frozenset({S.DRAFT, S.RETURNED}), target=S.SUBMITTED, parties=MEMBERS | STAFF
    ),
    "begin-review": Transition(
        sources=frozenset({S.SUBMITTED}), target=S.FORMAL_REVIEW, parties=STAFF
    ),
    "pass-formal-review": Transition(
        sources=frozenset({S.FORMAL_REVIEW}), target=S.DEPARTMENT_REVIEW, parties=STAFF
    ),
    "publish": Transition(
        sources=frozenset({S.DEPARTMENT_REVIEW}), target=S.PUBLISHED, parties=STAFF
    ),
    "return": Transition(sources=UNDER_REVIEW, target=S.RETURNED, parties=STAFF),
    "refuse": Transition(sources=UNDER_REVIEW, target=S.REFUSED, parties=STAFF),
    "withdraw": Transition(
        sources=UNDER_REVIEW | {S.DRAFT, S.RETURNED, S.PUBLISHED},
        target=S.WITHDRAWN,
        parties=MEMBERS | STAFF,  # staff: of an imported enterprise, which has no account
    ),
    # Between published and in follow-up a demand goes where its dockings are, by itself.
    "resolve": Transition(sources=PUBLIC, target=S.RESOLVED, parties=MEMBERS | STAFF),
    "close": Transition(sources=PUBLIC, target=S.CLOSED, parties=MEMBERS | STAFF),
    # Not once something is signed, or experts were sought beside it.
    "track": Transition(
        sources=frozenset({S.PUBLISHED, S.DOCKING}), target=S.TRACKING, parties=STAFF
    ),
    "reopen": Transition(
        sources=frozenset({S.RESOLVED, S.CLOSED, S.TRACKING}),
        target=S.PUBLISHED,
        parties=MEMBERS | STAFF,
    ),
}

# A submitted demand is locked: reviewers and readers must all see the same text.
EDITABLE = frozenset({S.DRAFT, S.RETURNED})

# Nor may anybody change a published one over HTTP. Its staff's file may: where demands are kept in
# sheets, the sheet is corrected and imported again. The audit log keeps who.
IMPORTABLE = EDITABLE | PUBLIC

# What passes between the levels: a draft is still the enterprise's own.
HANDED_ON = UNDER_REVIEW | PUBLIC


def settle(demand: Demand, state: S, reason: str = "") -> None:
    """Put the demand into a state, and stamp its time; the reason of the state before goes."""
    was_public = demand.state in PUBLIC
    demand.state, demand.state_reason = state, reason
    if state is S.SUBMITTED:
        demand.submitted_at = now()
    if state is S.PUBLISHED and not was_public:
        demand.published_at = now()
        demand.submitted_at = demand.submitted_at or demand.published_at
        lend_summary(demand)


def lend_summary(demand: Demand) -> None:
    """What the public reads is the title, where no summary is given."""
    demand.public_summary = demand.public_summary or demand.title
