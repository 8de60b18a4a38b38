"""How many requests of which class: the table of rate limits, and how settings change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.interface.language import Text

OFF = "off"
ALL = "all"


class RateClass(StrEnum):
    """What a route costs or guards; a marker names it, else the method does."""

    READS = "reads"
    WRITES = "writes"
    EXPENSIVE = "expensive"
    SIGN_IN = "sign-in"
    REFRESH = "refresh"
    PASSWORD_RESET = "password-reset"
    REGISTRATION = "registration"
    EMAIL = "email"


# What guards secrets counts exactly, and by address even where somebody is signed in: else one
# guess could be made with every account that a stranger registers.
GUARDING = frozenset(RateClass) - {RateClass.READS, RateClass.WRITES, RateClass.EXPENSIVE}

# Who succeeds here knows the account's secret.
PROVING = frozenset({RateClass.SIGN_IN})


class NotPolicies(ValueError):
    """A text that says no rate limits; `text` says what is wrong with it."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`quota` requests at once, and again as many in every `window` seconds, evenly."""

    name: RateClass
    quota: int
    window: int

    @property
    def is_exact(self) -> bool:
        """Every request asks the database; without it the route does not answer."""
        return self.name in GUARDING

    @property
    def step(self) -> float:
        """Seconds until one used request is there again."""
        return self.window / self.quota

    @property
    def block(self) -> int:
        """How many requests a process takes at once from the shared quota."""
        return 1 if self.is_exact else max(1, self.quota // 20)

    @property
    def unasked(self) -> int:
        """How many requests a process lets pass before it asks for the first time."""
        return 0 if self.is_exact else self.quota // 100


DEFAULTS: Mapping[RateClass, tuple[int, int]] = {
    RateClass.READS: (1200, 60),
    RateClass.WRITES: (300, 60),
    RateClass.EXPENSIVE: (60, 60),
    RateClass.SIGN_IN: (60, 300),
    RateClass.REFRESH: (120, 60),
    RateClass.PASSWORD_RESET: (20, 3600),
    RateClass.REGISTRATION: (20, 3600),
    RateClass.EMAIL: (10, 3600),
}


def policies_of(text: str) -> dict[RateClass, Policy]:
    """The policies under a setting like `reads=6000/60,sign-in=100/300`; none when it is `off`.

    `all=…` stands for every class. Raises NotPolicies for what cannot be read.
    """
    if text.strip() == OFF:
        return {}
    found = dict(DEFAULTS)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, rate = part.partition("=")
        names = list(RateClass) if name == ALL else [_class(name)]
        found |= dict.fromkeys(names, _rate(part, rate))
    return {n: Policy(name=n, quota=quota, window=window) for n, (quota, window) in found.items()}


def _class(name: str) -> RateClass:
    if name not in list(RateClass):
        raise NotPolicies(
            f"没有名为 {name} 的限流类别，可选：{', '.join(RateClass)}",
            f"no rate limit is called {name}; there are {', '.join(RateClass)}",
        )
    return RateClass(name)


def _rate(part: str, rate: str) -> tuple[int, int]:
    quota, _, window = rate.partition("/")
    if not (quota.isdecimal() and window.isdecimal() and int(quota) and int(window)):
        raise NotPolicies(
            f"应写作 名称=次数/秒数，如 reads=6000/60，而不是 {part}",
            f"a rate limit is written name=requests/seconds, as reads=6000/60, not {part}",
        )
    return int(quota), int(window)
