"""The life cycle of a team as a table, and who leads one."""

from itertools import product

import pytest

from app.clock import now
from app.interface.errors import Forbidden, WrongState
from app.teams.models import Team, TeamMember, TeamRole, TeamState
from app.teams.workflow import TRANSITIONS, is_led, settle
from app.transitions import Party, next_state

STEPS = {
    ("confirm", TeamState.FORMING): TeamState.CONFIRMED,
    ("begin-service", TeamState.CONFIRMED): TeamState.SERVING,
    ("dissolve", TeamState.FORMING): TeamState.DISSOLVED,
    ("dissolve", TeamState.CONFIRMED): TeamState.DISSOLVED,
    ("dissolve", TeamState.SERVING): TeamState.DISSOLVED,
}


@pytest.mark.parametrize("party", Party)
def test_the_whole_square(party: Party) -> None:
    for verb, state in product(TRANSITIONS, TeamState):
        if party is not Party.STAFF:
            with pytest.raises(Forbidden):
                next_state(TRANSITIONS, verb, state, {party})
        elif (verb, state) in STEPS:
            assert next_state(TRANSITIONS, verb, state, {party}) is STEPS[verb, state]
        else:
            with pytest.raises(WrongState):
                next_state(TRANSITIONS, verb, state, {party})


def test_a_state_is_entered_with_its_reason_and_moment() -> None:
    team, moment = Team(state=TeamState.FORMING, members=[]), now()
    settle(team, TeamState.CONFIRMED, moment)
    assert (team.state, team.confirmed_at) == (TeamState.CONFIRMED, moment)
    settle(team, TeamState.DISSOLVED, now(), "已完成")
    assert (team.state_reason, team.confirmed_at) == ("已完成", moment)


@pytest.mark.parametrize(("roles", "led"), [("", False), ("m", False), ("cm", True), ("cc", False)])
def test_exactly_one_leads(roles: str, led: bool) -> None:
    known = {"c": TeamRole.CHIEF, "m": TeamRole.MEMBER}
    team = Team(members=[TeamMember(role=known[role]) for role in roles])
    assert is_led(team) is led
