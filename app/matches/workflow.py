"""How somebody's question about a match is answered."""

from app.database import now
from app.lifecycle import Party, Transition
from app.matches.models import MatchReview, ReviewState

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
