"""What would make a demand clearer: pure rules on its form and its text, no model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.demands.completeness import CREDIT_CODE, missing_fields, needed_fields
from app.demands.diagnosis.passages import (
    READ,
    VALUE,
    Remark,
    missing_indicators,
    vague_passages,
)
from app.demands.models import Demand
from app.interface.language import Text

FORM_POINTS, DETAIL_POINTS = 1, 2
SHORTEST_PROBLEM, FEWEST_KEYWORDS = 50, 3
DETAILS = {
    "detailed_problem": (
        "problem",
        Text(
            f"主要问题不少于 {SHORTEST_PROBLEM} 字：现状、原因、已试过的办法",
            f"At least {SHORTEST_PROBLEM} characters: the state, its cause, what was tried",
        ),
    ),
    "enough_keywords": (
        "keywords",
        Text(f"关键词不少于 {FEWEST_KEYWORDS} 个", f"At least {FEWEST_KEYWORDS} keywords"),
    ),
    "value_in_key_indicators": (
        "key_indicators",
        Text("技术关键与指标中有数值与单位", "The indicators have values with units"),
    ),
    "value_in_expected_outcome": (
        "expected_outcome",
        Text("预期目标中有数值与单位", "The expected outcome has values with units"),
    ),
    "qualities_have_values": (
        "key_indicators",
        Text("所要求的性能都有数值", "Every quality asked for has a value"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing asked for: what the form needs is worth one point, what makes it clear two."""

    code: str
    field: str
    points: int
    is_met: bool
    message: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    items: tuple[Item, ...]
    missing_indicators: tuple[Remark, ...]
    vague_passages: tuple[Remark, ...]

    @property
    def completeness(self) -> int:
        """Percent of the points, rounded down: 100 only where nothing is missing."""
        met = sum(item.points for item in self.items if item.is_met)
        return 100 * met // sum(item.points for item in self.items)


def texts_of(demand: Demand) -> dict[str, str]:
    """What is read, the title first."""
    return {field: getattr(demand, field) for field in READ}


def diagnose(demand: Demand, terms: Iterable[str]) -> Diagnosis:
    """`terms` are the technical terms that its texts are known to have."""
    texts = texts_of(demand)
    unvalued = missing_indicators(texts)
    return Diagnosis(
        items=(*_form(demand), *_details(demand, unvalued)),
        missing_indicators=tuple(unvalued),
        vague_passages=tuple(vague_passages(texts, terms)),
    )


def _form(demand: Demand) -> Iterator[Item]:
    missing = {fault.pointer.removeprefix("/") for fault in missing_fields(demand)}
    for field, need in {**needed_fields(demand), "organization_id": CREDIT_CODE}.items():
        is_met = field not in missing
        message = need.met if is_met else need.missing
        yield Item(code="form", field=field, points=FORM_POINTS, is_met=is_met, message=message)


def _details(demand: Demand, unvalued: Iterable[Remark]) -> Iterator[Item]:
    met = {
        "detailed_problem": len(demand.problem) >= SHORTEST_PROBLEM,
        "enough_keywords": len(demand.keywords) >= FEWEST_KEYWORDS,
        "value_in_key_indicators": VALUE.search(demand.key_indicators) is not None,
        "value_in_expected_outcome": VALUE.search(demand.expected_outcome) is not None,
        "qualities_have_values": all(r.code != "quality_without_value" for r in unvalued),
    }
    for code, (field, message) in DETAILS.items():
        yield Item(code=code, field=field, points=DETAIL_POINTS, is_met=met[code], message=message)
