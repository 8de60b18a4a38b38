"""How one ranker takes another's place, by hand or by the job; going back is the same step."""

from uuid import UUID

from app.clock import now
from app.matches.models import RankerState, StoredRanker
from app.transitions import Party, Transition

RANKER_TRANSITIONS = {
    "promote": Transition(
        sources=frozenset({RankerState.CANDIDATE, RankerState.RETIRED}),
        target=RankerState.IN_FORCE,
        parties=frozenset({Party.STAFF}),
    ),
    "release": Transition(
        sources=frozenset({RankerState.IN_FORCE}),
        target=RankerState.IN_FORCE,
        parties=frozenset({Party.STAFF}),
    ),
}


def retire(ranker: StoredRanker) -> None:
    ranker.state = RankerState.RETIRED


def put_in_force(ranker: StoredRanker, account_id: UUID | None) -> None:
    """The one before is retired already: the database knows of one in force alone."""
    ranker.state = RankerState.IN_FORCE
    ranker.promoted_at, ranker.promoted_by_id = now(), account_id


def is_held(ranker: StoredRanker) -> bool:
    """Whether it stays in force whatever the job learns, as an administrator decided."""
    return ranker.state is RankerState.IN_FORCE and ranker.promoted_by_id is not None


def release(ranker: StoredRanker) -> None:
    """The decision is the job's again; whose it was stands in the audit log."""
    ranker.promoted_by_id = None
