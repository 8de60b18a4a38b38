"""The one checker of all life cycles, on a life cycle of its own."""

from enum import StrEnum

import pytest

from app.interface.errors import Forbidden, WrongState
from app.interface.language import Text
from app.transitions import Party, Transition, next_state, possible_verbs


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    LOCKED = "locked"


TRANSITIONS = {
    "shut": Transition(
        sources=frozenset({Door.OPEN}),
        target=Door.SHUT,
        parties=frozenset({Party.PERSON, Party.STAFF}),
    ),
    "lock": Transition(
        sources=frozenset({Door.OPEN, Door.SHUT}),
        target=Door.LOCKED,
        parties=frozenset({Party.STAFF}),
    ),
}


def test_step_leads_to_the_target() -> None:
    assert next_state(TRANSITIONS, "shut", Door.OPEN, {Party.PERSON}) is Door.SHUT


def test_party_is_checked_before_the_state() -> None:
    """Who may not take the step learns nothing of the state."""
    with pytest.raises(Forbidden) as raised:
        next_state(TRANSITIONS, "lock", Door.LOCKED, {Party.PERSON})
    assert raised.value.detail is not None
    assert raised.value.detail.zh == "您的角色、机构或地区不能执行此操作"
    with pytest.raises(Forbidden):
        next_state(TRANSITIONS, "shut", Door.OPEN, set())


def test_wrong_state_names_the_right_ones() -> None:
    with pytest.raises(WrongState) as raised:
        next_state(TRANSITIONS, "lock", Door.LOCKED, {Party.STAFF})
    assert raised.value.detail is not None
    assert "open, shut" in raised.value.detail.en
    assert "locked" in raised.value.detail.zh


def test_wrong_state_says_whose_where_the_path_names_another_record() -> None:
    door = Text("门", "door")
    for of, zh, en in (
        (None, "shut；当前状态：locked", "shut; the record's state is locked"),
        (door, "shut；门的当前状态：locked", "shut; the door's state is locked"),
    ):
        with pytest.raises(WrongState) as raised:
            next_state(TRANSITIONS, "lock", Door.LOCKED, {Party.STAFF}, of=of)
        assert raised.value.detail is not None
        assert raised.value.detail.zh.endswith(zh)
        assert raised.value.detail.en.endswith(en)


def test_possible_verbs() -> None:
    assert possible_verbs(TRANSITIONS, Door.OPEN, {Party.STAFF}) == ["shut", "lock"]
    assert possible_verbs(TRANSITIONS, Door.OPEN, {Party.PERSON}) == ["shut"]
    assert possible_verbs(TRANSITIONS, Door.LOCKED, {Party.STAFF}) == []
