"""A service counts once the enterprise has confirmed it."""

from app.dockings.services.models import ServiceRecord
from app.dockings.services.models import ServiceRecordState as S
from app.transitions import Party, Transition

# Staff for an enterprise that has told them so: an imported one has no account.
ANSWERING = frozenset({Party.ORGANIZATION, Party.STAFF})
WRITING = frozenset({Party.PERSON, Party.STAFF})

TRANSITIONS = {
    "confirm": Transition(
        sources=frozenset({S.RECORDED, S.DISPUTED}),
        target=S.CONFIRMED,
        parties=ANSWERING,
    ),
    "dispute": Transition(
        sources=frozenset({S.RECORDED}),
        target=S.DISPUTED,
        parties=ANSWERING,
    ),
    "amend": Transition(
        sources=frozenset({S.RECORDED, S.DISPUTED}), target=S.RECORDED, parties=WRITING
    ),
    "count": Transition(
        sources=frozenset({S.CONFIRMED}), target=S.COUNTED, parties=frozenset({Party.STAFF})
    ),
}


def settle(service: ServiceRecord, state: S, reason: str = "") -> None:
    """Put the record into a state; the reason of the one before goes."""
    service.state, service.state_reason = state, reason
