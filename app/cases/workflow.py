"""A case's way from its collection to its publication: who may take which step, and from where."""

from datetime import datetime

from app.cases.models import Case, CaseParty
from app.cases.models import CaseState as S
from app.transitions import STAFF, Party, Transition

PARTIES = frozenset({Party.ORGANIZATION, Party.PERSON})
EDITABLE = frozenset({S.COLLECTED})

TRANSITIONS = {
    "review": Transition(sources=frozenset({S.COLLECTED}), target=S.REVIEWED, parties=STAFF),
    "return": Transition(sources=frozenset({S.REVIEWED}), target=S.COLLECTED, parties=STAFF),
    # With every consent alone, see `missing_consents`.
    "publish": Transition(sources=frozenset({S.REVIEWED}), target=S.PUBLISHED, parties=STAFF),
    "take-back": Transition(sources=frozenset({S.PUBLISHED}), target=S.REVIEWED, parties=STAFF),
    "consent": Transition(
        sources=frozenset({S.COLLECTED, S.REVIEWED}), target=None, parties=PARTIES
    ),
    # Which takes back what was published.
    "withdraw-consent": Transition(sources=frozenset(S), target=None, parties=PARTIES),
}


def settle(case: Case, state: S, moment: datetime, reason: str = "") -> None:
    """Put the case into a state; the reason of the one before goes."""
    case.state, case.state_reason = state, reason
    case.published_at = moment if state is S.PUBLISHED else None


def missing_consents(case: Case) -> list[CaseParty]:
    """The parties without whose consent nothing is published."""
    return [party for party in case.parties if party.consented_at is None]
