"""What the doctor finds: one sentence on how it is, and one on what to do."""

from dataclasses import dataclass
from enum import StrEnum

from app.interface.language import Text


class State(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`remedy` says what to do, and is there exactly if the state is not good."""

    check: str
    state: State
    what: Text
    remedy: Text | None = None


def good(check: str, zh: str, en: str) -> Finding:
    return Finding(check=check, state=State.GOOD, what=Text(zh, en))


def warning(check: str, what: Text, remedy: Text) -> Finding:
    return Finding(check=check, state=State.WARNING, what=what, remedy=remedy)


def bad(check: str, what: Text, remedy: Text) -> Finding:
    return Finding(check=check, state=State.BAD, what=what, remedy=remedy)
