"""A common problem's way from a proposal over the signatures to what was worked out together."""

from app.clock import now
from app.problems.models import TOLD, CommonProblem
from app.problems.models import ProblemState as S
from app.transitions import STAFF, Party, Transition

NOBODY: frozenset[Party] = frozenset()  # the job that looks for groups
# Its enterprises, each for itself; once one of them leads, that one for all.
ENTERPRISES = frozenset({Party.ORGANIZATION, Party.STAFF})

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
    "co-sign": Transition(sources=frozenset({S.CONFIRMED}), target=None, parties=ENTERPRISES),
    "decline": Transition(sources=frozenset({S.CONFIRMED}), target=None, parties=ENTERPRISES),
    "conclude-signing": Transition(
        sources=frozenset({S.CONFIRMED}), target=S.CO_SIGNED, parties=STAFF
    ),
    "merge": Transition(sources=frozenset({S.CO_SIGNED}), target=S.MERGED, parties=STAFF),
    "publish": Transition(sources=frozenset({S.MERGED}), target=S.PUBLISHED, parties=STAFF),
    "form-team": Transition(
        sources=frozenset({S.PUBLISHED, S.JOINT_WORK}), target=None, parties=STAFF
    ),
    "begin-work": Transition(sources=frozenset({S.PUBLISHED}), target=S.JOINT_WORK, parties=STAFF),
    "accept": Transition(sources=frozenset({S.JOINT_WORK}), target=S.ACCEPTED, parties=ENTERPRISES),
    "end": Transition(
        sources=frozenset({S.CO_SIGNED, S.MERGED, S.PUBLISHED, S.JOINT_WORK}),
        target=S.ENDED,
        parties=STAFF,
    ),
}

# What was decided on is not changed by hand afterwards.
EDITABLE = frozenset({S.PROPOSED})


def settle(problem: CommonProblem, state: S, reason: str = "") -> None:
    """Put the problem into a state; the reason of the state before goes."""
    problem.state, problem.state_reason = state, reason
    if state is S.CONFIRMED:
        problem.confirmed_at = now()
    elif state not in TOLD:
        problem.confirmed_at = None
        forget_answers(problem)


def forget_answers(problem: CommonProblem) -> None:
    """Nobody has signed, as before it was confirmed."""
    problem.signatures, problem.co_signer_ids = [], []


def keep_answers(problem: CommonProblem) -> None:
    """Those of enterprises that it is of; a signature goes with the last of its demands."""
    if problem.state is S.CONFIRMED:
        own = set(problem.organization_ids)
        problem.signatures = [one for one in problem.signatures if one.organization_id in own]
        problem.co_signer_ids = [one for one in problem.co_signer_ids if one in own]
