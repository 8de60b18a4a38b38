"""A corps' way from its forming to its evaluation: who may take which step, and from where."""

from datetime import datetime

from app.corps.models import Corps, CorpsRole
from app.corps.models import CorpsState as S
from app.transitions import STAFF, Party, Transition

RENDERING = frozenset({Party.STAFF, Party.PERSON})
# A corps stands: members come and go while it serves.
EDITABLE = frozenset({S.FORMING, S.DISPATCHED, S.SERVICE_RECORDED})
SERVING = frozenset({S.DISPATCHED, S.SERVICE_RECORDED})

TRANSITIONS = {
    "dispatch": Transition(sources=frozenset({S.FORMING}), target=S.DISPATCHED, parties=STAFF),
    "record-service": Transition(sources=SERVING, target=S.SERVICE_RECORDED, parties=RENDERING),
    # Also one that has rendered no service: that is what its evaluation says.
    "evaluate": Transition(sources=SERVING, target=S.EVALUATED, parties=STAFF),
}


def settle(corps: Corps, state: S, moment: datetime) -> None:
    """Put the corps into a state."""
    corps.state = state
    if state is S.DISPATCHED:
        corps.dispatched_at = moment
    if state is S.EVALUATED:
        corps.evaluated_at = moment


def is_led(corps: Corps) -> bool:
    """Whether exactly one of its members leads it."""
    roles = [member.role for member in corps.members]
    return roles.count(CorpsRole.LEADER) == 1
