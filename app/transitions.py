"""Life cycles as tables: a domain's `workflow.py` lists its transitions, this checks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from app.interface.errors import Forbidden, WrongState
from app.interface.language import Text

State = TypeVar("State", bound=StrEnum)


class Party(StrEnum):
    """In which capacity somebody touches a record."""

    PERSON = "person"  # whom the record is about
    ORGANIZATION = "organization"  # a member of the one whose record it is
    STAFF = "staff"  # of the record's region, or of the one it was handed to
    PARTNER = "partner"  # staff of a region that it is shared with


STAFF = frozenset({Party.STAFF})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition(Generic[State]):
    """A verb: the states it starts from, the one it leads to, and who may take the step.

    Without a target it leads to none, and leaves the record where it is.
    """

    sources: frozenset[State]
    target: State | None
    parties: frozenset[Party]


def next_state(
    transitions: Mapping[str, Transition[State]],
    verb: str,
    state: State,
    parties: set[Party],
    *,
    of: Text | None = None,
) -> State:
    """The state that `verb` leads to.

    Raises Forbidden when the step is not for these parties, WrongState when the table has no
    such step from `state`, which is that `of` the record of the path unless said otherwise.
    """
    transition = transitions[verb]
    if not transition.parties & parties:
        raise Forbidden()
    if state not in transition.sources:
        raise WrongState(verb=verb, state=state, allowed=sorted(transition.sources), of=of)
    return transition.target or state


def possible_verbs(
    transitions: Mapping[str, Transition[State]], state: State, parties: set[Party]
) -> list[str]:
    """The verbs that these parties may use from `state`, in the table's order."""
    return [
        verb
        for verb, transition in transitions.items()
        if state in transition.sources and transition.parties & parties
    ]
