"""The life cycle of a corps as a table."""

from itertools import product

from app.corps.models import CorpsState as S
from app.corps.workflow import TRANSITIONS
from app.transitions import Party, possible_verbs

STEPS = {
    (S.FORMING, Party.STAFF): ["dispatch"],
    (S.DISPATCHED, Party.STAFF): ["record-service", "evaluate"],
    (S.DISPATCHED, Party.PERSON): ["record-service"],
    (S.SERVICE_RECORDED, Party.STAFF): ["record-service", "evaluate"],
    (S.SERVICE_RECORDED, Party.PERSON): ["record-service"],
}


def test_who_takes_which_step_from_where() -> None:
    for state, party in product(S, Party):
        found = possible_verbs(TRANSITIONS, state, {party})
        assert found == STEPS.get((state, party), []), (state, party)
