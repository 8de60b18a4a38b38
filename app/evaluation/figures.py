"""A ranking's figures beside another's: means, intervals, paired differences, fields, the worst."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from app.evaluation.cases import Cases, Grades, Judgments
from app.evaluation.ranking import Ranked, Rankings
from matching.evaluation import (
    LEAST,
    RELEVANT,
    Estimate,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    share_judged,
)

MEASURES: Mapping[str, Callable[[Sequence[str], Grades], float]] = {
    "ndcg_at_10": ndcg,
    "mrr": reciprocal_rank,
    "recall_at_10": recall,
    "recall_at_100": partial(recall, k=100),
    "p_at_5": partial(precision, k=5),
    "judged_at_10": share_judged,
}
TOP = 10
OTHERS = "其他 · others"
WORST = 5
HUBS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same measure of two rankings over the same demands; `difference` is paired."""

    demands: int
    ours: Estimate
    theirs: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A relevant expert beyond the first ten, and what they lack against the tenth, by space."""

    expert_id: str
    grade: int
    rank: int | None
    lacks: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """A demand that went wrong: how far its first ten were judged at all, and who was missed."""

    demand_id: str
    title: str
    ndcg_at_10: float
    judged_at_10: float
    missed: Sequence[Missed]


def compare(
    ours: Rankings, theirs: Rankings, judgments: Judgments, measure: str, demands: Sequence[str]
) -> Comparison:
    """One measure over some judged demands; ValueError when there are none."""
    mine = [MEASURES[measure](_ids(ours[d]), judgments[d]) for d in demands]
    other = [MEASURES[measure](_ids(theirs[d]), judgments[d]) for d in demands]
    differences = [a - b for a, b in zip(mine, other, strict=True)]
    return Comparison(
        demands=len(demands),
        ours=Estimate.of(mine),
        theirs=Estimate.of(other),
        difference=Estimate.of(differences),
    )


def fields(cases: Cases, judgments: Judgments) -> dict[str, list[str]]:
    """The judged demands by field; fields of fewer than five go together until they are five.

    What is left over goes with the last of these, where there are any.
    """
    by_field: dict[str, list[str]] = defaultdict(list)
    for demand in cases.demands:
        if demand.demand_id in judgments:
            by_field[demand.field].append(demand.demand_id)
    large, groups = dict[str, list[str]](), dict[str, list[str]]()
    names, together = list[str](), list[str]()
    for name, own in sorted(by_field.items(), key=lambda item: (not item[0], item[0])):
        if name and len(own) >= LEAST:
            large[name] = own
            continue
        names, together = [*names, name or OTHERS], [*together, *own]
        if len(together) >= LEAST:
            groups["、".join(names)], names, together = together, [], []
    if together and groups:
        last, own = groups.popitem()
        groups["、".join([last, *names])] = own + together
    elif together:
        groups[OTHERS] = together
    return large | groups


def hub_share(rankings: Rankings) -> float:
    """The share of all first ten places that the 20 most frequent candidates hold."""
    places = Counter(name for ranking in rankings.values() for name in _ids(ranking[:TOP]))
    return sum(count for _, count in places.most_common(HUBS)) / max(1, places.total())


def worst(cases: Cases, ours: Rankings, judgments: Judgments) -> list[Worst]:
    """The demands with the lowest nDCG@10, the worst first."""
    titles = {demand.demand_id: demand.title for demand in cases.demands}
    found = [
        Worst(
            demand_id=demand,
            title=titles[demand],
            ndcg_at_10=ndcg(_ids(ours[demand]), grades),
            judged_at_10=share_judged(_ids(ours[demand]), grades),
            missed=_missed(ours[demand], grades),
        )
        for demand, grades in judgments.items()
    ]
    return sorted(found, key=lambda one: (one.ndcg_at_10, one.demand_id))[:WORST]


def _missed(ranking: Sequence[Ranked], grades: Grades) -> list[Missed]:
    places = {one.candidate_id: place for place, one in enumerate(ranking, start=1)}
    relevant = sorted((-grade, expert) for expert, grade in grades.items() if grade >= RELEVANT)
    return [
        Missed(
            expert_id=expert,
            grade=-grade,
            rank=places.get(expert),
            lacks=_lacks(ranking, places.get(expert)),
        )
        for grade, expert in relevant
        if places.get(expert, TOP + 1) > TOP
    ]


def _lacks(ranking: Sequence[Ranked], place: int | None) -> dict[str, float]:
    """By what the one at this place stands behind the tenth; it sums to the distance of scores."""
    if place is None:
        return {}
    tenth, own = ranking[TOP - 1].contributions, ranking[place - 1].contributions
    return {name: own.get(name, 0.0) - tenth.get(name, 0.0) for name in sorted({*tenth, *own})}


def _ids(ranking: Sequence[Ranked]) -> list[str]:
    return [one.candidate_id for one in ranking]
