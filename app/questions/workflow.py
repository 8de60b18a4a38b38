"""A question's way from being raised to being adopted."""

from app.questions.models import Question
from app.questions.models import QuestionState as S
from app.transitions import STAFF, Party, Transition

TRANSITIONS = {
    "amend": Transition(sources=frozenset({S.RAISED, S.ACCEPTED}), target=None, parties=STAFF),
    "accept": Transition(sources=frozenset({S.RAISED}), target=S.ACCEPTED, parties=STAFF),
    "consult": Transition(sources=frozenset({S.ACCEPTED}), target=None, parties=STAFF),
    "submit-opinion": Transition(
        sources=frozenset({S.ACCEPTED}), target=None, parties=frozenset({Party.PERSON})
    ),
    "conclude-study": Transition(sources=frozenset({S.ACCEPTED}), target=S.STUDIED, parties=STAFF),
    "report": Transition(sources=frozenset({S.STUDIED}), target=S.REPORTED, parties=STAFF),
    "adopt": Transition(sources=frozenset({S.REPORTED}), target=S.ADOPTED, parties=STAFF),
    "decline": Transition(
        sources=frozenset({S.RAISED, S.ACCEPTED, S.STUDIED, S.REPORTED}),
        target=S.DECLINED,
        parties=STAFF,
    ),
}

CLOSED = frozenset({S.ADOPTED, S.DECLINED})


def settle(question: Question, state: S, reason: str = "") -> None:
    """Put the question into a state; the reason of the one before goes."""
    question.state, question.state_reason = state, reason
