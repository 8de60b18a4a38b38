"""A common problem's way from a proposal to a decision; what follows on it comes after these."""

from app.clock import now
from app.problems.models import CommonProblem
from app.problems.models import ProblemState as S
from app.transitions import Party, Transition

STAFF = frozenset({Party.STAFF})
NOBODY: frozenset[Party] = frozenset()  # the job that looks for groups

TRANSITIONS = {
    "confirm": Transition(sources=frozenset({S.PROPOSED}), target=S.CONFIRMED, parties=STAFF),
    "dismiss": Transition(
        sources=frozenset({S.PROPOSED, S.CONFIRMED}), target=S.DISMISSED, parties=STAFF
    ),
    "reopen": Transition(sources=frozenset({S.DISMISSED}), target=S.PROPOSED, parties=STAFF),
    "lapse": Transition(
        sources=frozenset({S.PROPOSED, S.CONFIRMED, S.DISMISSED}), target=S.LAPSED, parties=NOBODY
    ),
    "return": Transition(
        sources=frozenset({S.DISMISSED, S.LAPSED}), target=S.PROPOSED, parties=NOBODY
    ),
}

# What was decided on is not changed by hand afterwards.
EDITABLE = frozenset({S.PROPOSED})


def settle(problem: CommonProblem, state: S, reason: str = "") -> None:
    """Put the problem into a state; the reason of the state before goes."""
    problem.state, problem.state_reason = state, reason
    problem.confirmed_at = now() if state is S.CONFIRMED else None
