"""The values that cross the border of matching: frozen, typed, almost without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

LEXICAL_ONLY = "none"  # the encoder of a ranking by words alone
LONGEST_QUERY = 1_000  # characters: some 600 tokens, more than the usual encoders read
HEAVIEST = 3  # weight of a concept
LONGEST_CONCEPT = 40  # characters


class Grade(StrEnum):
    """How well a document is attested: 自述, 有佐证 or 核验."""

    self_stated = "self_stated"
    documented = "documented"
    verified = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One text that speaks for one candidate: profile statement, publication, patent, award …"""

    document_id: str
    kind: str
    text: str
    grade: Grade = Grade.self_stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What constraints and preferences read of a candidate.

    `region` is a six-digit GB/T 2260 code or empty; `absences` are closed intervals of days.
    `invited_on` are the days of invitations, `refused_on` those on which one was turned down.
    `capacity` is how many there may be in a calendar year, None: as usual, see `Limits`; `reduced`
    is a smaller number, up to and with a day. Up to and with `do_not_contact_until` there is none.
    """

    kind: str = ""
    region: str = ""
    organizations: frozenset[str] = frozenset()
    absences: tuple[tuple[date, date], ...] = ()
    capacity: int | None = None
    reduced: tuple[int, date] | None = None
    do_not_contact_until: date | None = None
    invited_on: tuple[date, ...] = ()
    refused_on: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One member of a pool. The first document is the profile statement."""

    candidate_id: str
    documents: tuple[Document, ...]
    facts: Facts = Facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """A term of a demand as whoever asks has weighed it, from 0 (not meant) to 3.

    A must-have counts as the heaviest do, and its coverage is reported as a keyword's is.
    ValueError when the weight is another, or of a must-have that is not meant.
    """

    text: str
    weight: int = 1
    is_must_have: bool = False

    def __post_init__(self) -> None:
        least = 1 if self.is_must_have else 0
        if not least <= self.weight <= HEAVIEST:
            raise ValueError(f"weight must be {least} to {HEAVIEST}, got {self.weight}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A demand as matching sees it; `keywords` are the must-haves whose coverage is reported.

    `concepts` weigh single terms in the lexical space, see `emphasis`. What is encoded is `text`,
    whatever they say.
    """

    title: str
    problem: str = ""
    indicators: str = ""
    keywords: tuple[str, ...] = ()
    concepts: tuple[Concept, ...] = ()

    @property
    def text(self) -> str:
        """Title, keywords, problem and indicators as one text: what is told first counts most."""
        parts = (self.title, " ".join(self.keywords), self.problem, self.indicators)
        return "\n".join(part for part in parts if part)

    @property
    def texts_to_encode(self) -> tuple[str, str]:
        """The texts whose vectors the query needs, up to what an encoder reads of them.

        The first is all of it, the second the title alone.
        """
        return self.text[:LONGEST_QUERY], self.title[:LONGEST_QUERY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often anybody may be invited, where their facts do not say it; no limits by default.

    `capacity` is the usual number of invitations in a calendar year, `capacities` that of certain
    kinds. Whoever was invited rests on that day and so many days in all, and so does who refused.
    """

    capacity: int | None = None
    capacities: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    rest_after_invitation: int = 0
    rest_after_refusal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """Hard exclusions; whoever takes no invitations at all is excluded under any constraints.

    `on` excludes who is absent, rests, is not to be contacted or has no capacity left on that day,
    within `limits`. `regions` are GB/T 2260 codes whose trailing pairs of
    zeros are wildcards (330000 is the whole province; 33 means the same). `organizations` are the
    parties in conflict; `members` maps the id of a candidate who acts for one to that one, where
    facts do not tell. `excluded` maps a candidate's id to the reason why it may not appear.
    """

    on: date | None = None
    limits: Limits = Limits()
    kinds: frozenset[str] | None = None
    regions: tuple[str, ...] | None = None
    organizations: frozenset[str] = frozenset()
    members: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    excluded: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Soft weights, added to the score as contributions of their own; zero adds nothing.

    `near` × the share of leading code pairs (province, city, county) that the candidate's region
    has in common with `region`; `graded` × the grade of its best passage's document
    (documented ½, verified 1).
    """

    region: str = ""
    near: float = 0.0
    graded: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A constraint that one candidate breaks, and what breaks it."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A candidate that a constraint kept out, and the rank it would have had without any."""

    candidate_id: str
    rank: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One named term of a score; `document_id` names the document that it comes from, if any."""

    name: str
    value: float
    document_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A document that supports a match, and the words that it shares with the query.

    `score` is how much the document would speak for the candidate if it stood alone.
    """

    document_id: str
    kind: str
    grade: Grade
    score: float
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One ranked candidate. The values of `contributions` sum to `score`.

    `features` are the raw values as shown, for learning from verdicts later. `is_pending` says that
    some vectors of the candidate are still missing, so its dense contributions are neutral.
    """

    candidate_id: str
    rank: int
    score: float
    contributions: tuple[Contribution, ...]
    features: Mapping[str, float]
    terms: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    uncovered_keywords: tuple[str, ...] = ()
    is_pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The result of one match: best first, ties by id; `durations` are milliseconds by stage.

    `encoder` is that of the dense space, and `measured` names the features that weights count.
    """

    matches: tuple[Match, ...]
    exclusions: tuple[Exclusion, ...]
    index_version: str
    encoder: str
    measured: tuple[str, ...]
    pending: int
    durations: Mapping[str, float]
