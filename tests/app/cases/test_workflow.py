"""The life cycle of a case as a table."""

from itertools import product

from app.cases.models import CaseState as S
from app.cases.workflow import PARTIES, TRANSITIONS
from app.transitions import Party, possible_verbs

CONSENTS = ["consent", "withdraw-consent"]
STEPS = {
    (S.COLLECTED, Party.STAFF): ["review"],
    (S.REVIEWED, Party.STAFF): ["return", "publish"],
    (S.PUBLISHED, Party.STAFF): ["take-back"],
    **dict.fromkeys(product((S.COLLECTED, S.REVIEWED), PARTIES), CONSENTS),
    (S.PUBLISHED, Party.ORGANIZATION): ["withdraw-consent"],
    (S.PUBLISHED, Party.PERSON): ["withdraw-consent"],
}


def test_who_takes_which_step_from_where() -> None:
    for state, party in product(S, Party):
        found = possible_verbs(TRANSITIONS, state, {party})
        assert found == STEPS.get((state, party), []), (state, party)
