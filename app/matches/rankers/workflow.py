"""How one ranker takes another's place; going back is the same step."""

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
}


def retire(ranker: StoredRanker) -> None:
    ranker.state = RankerState.RETIRED


def put_in_force(ranker: StoredRanker, account_id: UUID | None) -> None:
    """The one before is retired already: the database knows of one in force alone."""
    ranker.state = RankerState.IN_FORCE
    ranker.promoted_at, ranker.promoted_by_id = now(), account_id
