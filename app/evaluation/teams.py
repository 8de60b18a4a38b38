"""What a team covers against as many of the first ranks, and what that costs in grades."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from app.evaluation.cases import Grades, Judgments, UnreadableCases
from app.evaluation.ranking import Rankings
from matching import MatchIndex, Query
from matching.evaluation import Estimate
from matching.teams import FEW_ASPECTS, aspects_of, cover, propose_team

# As the service proposes teams where nobody asks otherwise.
SIZE, DEPTH = 5, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One demand's team and as many of the first ranks; grades are those of who was judged."""

    size: int
    coverage: float
    plain_coverage: float
    grades: Sequence[int]
    plain_grades: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Teams:
    """Means over demands with two aspects or more; differences are paired.

    Grades are means over the `graded` demands of which somebody was judged on both sides; `judged`
    is the share of members who were. `covers_less` is the share of demands whose first ranks cover
    more.
    """

    demands: int
    size: float
    coverage: Estimate
    plain_coverage: Estimate
    gain: Estimate
    covers_less: float
    judged: float
    plain_judged: float
    graded: int
    grade: Estimate
    plain_grade: Estimate
    gain_of_grade: Estimate


def teams_of(
    index: MatchIndex, queries: Mapping[str, Query], rankings: Rankings, judgments: Judgments
) -> Teams:
    """Propose a team for every judged demand; UnreadableCases where none can be compared."""
    asked = [
        _proposed(index, queries[demand], [one.candidate_id for one in rankings[demand]], grades)
        for demand, grades in sorted(judgments.items())
        if len(aspects_of(queries[demand], index.model)) >= FEW_ASPECTS
    ]
    graded = [one for one in asked if one.grades and one.plain_grades]
    if not graded:
        raise UnreadableCases(
            "没有可比较的需求：须有两个以上技术要点，团队与前几名中都有已评判的专家",
            "no demand can be compared: it needs two aspects, and judged experts in its team and"
            " among its first ranks",
        )
    members = sum(one.size for one in asked)
    grade = [fmean(one.grades) for one in graded]
    plain_grade = [fmean(one.plain_grades) for one in graded]
    return Teams(
        demands=len(asked),
        size=fmean(one.size for one in asked),
        coverage=Estimate.of([one.coverage for one in asked]),
        plain_coverage=Estimate.of([one.plain_coverage for one in asked]),
        gain=Estimate.of([one.coverage - one.plain_coverage for one in asked]),
        covers_less=fmean(one.coverage < one.plain_coverage for one in asked),
        judged=sum(len(one.grades) for one in asked) / members,
        plain_judged=sum(len(one.plain_grades) for one in asked) / members,
        graded=len(graded),
        grade=Estimate.of(grade),
        plain_grade=Estimate.of(plain_grade),
        gain_of_grade=Estimate.of([a - b for a, b in zip(grade, plain_grade, strict=True)]),
    )


def _proposed(index: MatchIndex, query: Query, ranked: Sequence[str], grades: Grades) -> Proposed:
    first = ranked[:DEPTH]
    coverage = cover(aspects_of(query, index.model), index, first)
    team = propose_team(coverage, size=SIZE)
    size = len(team.members)
    return Proposed(
        size=size,
        coverage=team.coverage,
        plain_coverage=coverage.of_first(size),
        grades=[grades[m.candidate_id] for m in team.members if m.candidate_id in grades],
        plain_grades=[grades[one] for one in first[:size] if one in grades],
    )
