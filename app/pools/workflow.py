"""A special pool's way into use and out of it."""

from app.pools.models import PoolKind, SpecialPool
from app.pools.models import PoolState as S
from app.transitions import STAFF, Transition

TRANSITIONS = {
    "submit": Transition(sources=frozenset({S.DRAFT}), target=S.SUBMITTED, parties=STAFF),
    "return": Transition(sources=frozenset({S.SUBMITTED}), target=S.DRAFT, parties=STAFF),
    "approve": Transition(sources=frozenset({S.SUBMITTED}), target=S.IN_USE, parties=STAFF),
    "suspend": Transition(sources=frozenset({S.IN_USE}), target=S.SUSPENDED, parties=STAFF),
    "reinstate": Transition(sources=frozenset({S.SUSPENDED}), target=S.IN_USE, parties=STAFF),
    "remove": Transition(sources=frozenset(set(S) - {S.REMOVED}), target=S.REMOVED, parties=STAFF),
}

# What is submitted stays as it is until somebody has looked at it; what is in use lives on.
EDITABLE = frozenset({S.DRAFT, S.IN_USE, S.SUSPENDED})
# What staff do with a pool besides, in these states.
CURATING = ("update", "revise-query", "add-member", "exclude-member", "release-member")


def subject_of(kind: PoolKind) -> str:
    """What a pool of this kind consists of, as its query says it."""
    return "achievements" if kind is PoolKind.OVERSEAS_PROJECTS else "experts"


def settle(pool: SpecialPool, state: S, reason: str = "") -> None:
    """Put the pool into a state; the reason of the state before goes."""
    pool.state, pool.state_reason = state, reason
