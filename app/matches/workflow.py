"""How somebody's question about a match is answered."""

from app.clock import now
from app.matches.models import MatchReview, ReviewState
from app.transitions import Party, Transition

REVIEW_TRANSITIONS = {
    "answer": Transition(
        sources=frozenset({ReviewState.REQUESTED}),
        target=ReviewState.ANSWERED,
        parties=frozenset({Party.STAFF}),
    ),
}


def settle_review(review: MatchReview, state: ReviewState) -> None:
    """Put the review into a state, and stamp its time."""
    review.state = state
    if state is ReviewState.ANSWERED:
        review.answered_at = now()
