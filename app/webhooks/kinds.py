"""The kinds of changes that a webhook may ask for."""

from collections.abc import Collection

from app.achievements.models import AchievementState
from app.demands.models import DemandState, HandoverKind
from app.dockings.workflow import HAPPENINGS
from app.experts.models import ExpertState
from app.matches.models import ReviewState
from app.problems.models import ProblemState

TEST = "webhook.test"
RECORDS: dict[str, Collection[str]] = {
    "demand": (*DemandState, *HandoverKind, "created", "updated"),
    "docking": HAPPENINGS,
    "expert": (*ExpertState, "created", "updated"),
    "achievement": (*AchievementState, "created", "updated"),
    "match_review": tuple(ReviewState),
    "common_problem": tuple(ProblemState),
}


def is_kind(kind: str) -> bool:
    """Whether it is a kind, or all of a record's: `demand.published`, `demand.*`."""
    record, _, word = kind.partition(".")
    return record in RECORDS and word in ("*", *RECORDS[record])


def known_kinds(kind: str = "") -> str:
    """Those of the record that a kind begins with, or of all."""
    record = kind.partition(".")[0]
    known = {record: RECORDS[record]} if record in RECORDS else RECORDS
    return ", ".join(f"{name}.{word}" for name, words in known.items() for word in ("*", *words))


def wants(kinds: Collection[str], kind: str) -> bool:
    """Whether a webhook of these kinds is to be told of one; of what is no kind none is."""
    record, _, word = kind.partition(".")
    is_told = word in RECORDS.get(record, ())
    return is_told and (kind in kinds or f"{record}.*" in kinds)
