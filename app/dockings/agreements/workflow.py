"""An agreement's way from the draft to its conclusion."""

from app.dockings.agreements.models import Agreement
from app.dockings.agreements.models import AgreementState as S
from app.transitions import Party, Transition

SIGNING = frozenset({Party.ORGANIZATION, Party.STAFF})
ALL = frozenset({Party.PERSON, Party.ORGANIZATION, Party.STAFF})

TRANSITIONS = {
    "sign": Transition(sources=frozenset({S.DRAFTED}), target=S.SIGNED, parties=SIGNING),
    "perform": Transition(sources=frozenset({S.SIGNED}), target=S.PERFORMED, parties=ALL),
    # Contracts may be registered as soon as they are signed (技术合同认定登记管理办法, art. 6).
    "register": Transition(
        sources=frozenset({S.SIGNED, S.PERFORMED}), target=S.REGISTERED, parties=SIGNING
    ),
    "conclude": Transition(
        sources=frozenset({S.PERFORMED, S.REGISTERED}), target=S.CONCLUDED, parties=SIGNING
    ),
}


def settle(agreement: Agreement, state: S) -> None:
    agreement.state = state
