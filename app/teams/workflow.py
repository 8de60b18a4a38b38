"""A team's way from its forming to its end: who may take which step, and from where."""

from datetime import datetime

from app.teams.models import Team, TeamRole
from app.teams.models import TeamState as S
from app.transitions import STAFF, Transition

EDITABLE = frozenset({S.FORMING})

TRANSITIONS = {
    "confirm": Transition(sources=frozenset({S.FORMING}), target=S.CONFIRMED, parties=STAFF),
    "begin-service": Transition(sources=frozenset({S.CONFIRMED}), target=S.SERVING, parties=STAFF),
    "dissolve": Transition(
        sources=frozenset({S.FORMING, S.CONFIRMED, S.SERVING}), target=S.DISSOLVED, parties=STAFF
    ),
}


def settle(team: Team, state: S, moment: datetime, reason: str = "") -> None:
    """Put the team into a state; the reason of the one before goes."""
    team.state, team.state_reason = state, reason
    if state is S.CONFIRMED:
        team.confirmed_at = moment


def is_led(team: Team) -> bool:
    """Whether exactly one of its members is the chief."""
    roles = [member.role for member in team.members]
    return roles.count(TeamRole.CHIEF) == 1
