"""Rankings are compared over the same demands, field by field, and the worst explained."""

import pytest

from app.evaluation.cases import Cases, DemandCase
from app.evaluation.figures import OTHERS, compare, fields, worst
from app.evaluation.ranking import Ranked


def ranking(*ids: str) -> list[Ranked]:
    """Scores fall by one from place to place, and lie in `lexical` alone."""
    return [
        Ranked(candidate_id=name, contributions={"baseline": 0.5, "lexical": -float(place)})
        for place, name in enumerate(ids)
    ]


def test_differences_are_paired() -> None:
    """The same gain on every demand is certain, however much the demands differ."""
    judgments = {f"D{n}": {"E1": 3} for n in range(10)}
    ours = {d: ranking("E1") for d in judgments}
    theirs = {d: ranking("E0", "E1") for d in judgments}
    found = compare(ours, theirs, judgments, "mrr", sorted(judgments))
    assert (found.ours.mean, found.theirs.mean) == (1.0, 0.5)
    assert (found.difference.low, found.difference.high) == pytest.approx((0.5, 0.5))
    assert found.demands == 10
    with pytest.raises(ValueError, match="at least one"):
        compare(ours, theirs, judgments, "mrr", [])


def test_few_demands_have_no_interval() -> None:
    """The bootstrap of one value is that value: an interval of width 0 would seem certain."""
    judgments = {f"D{n}": {"E1": 3} for n in range(5)}
    ours = {d: ranking("E1") for d in judgments}
    enough = compare(ours, ours, judgments, "mrr", sorted(judgments))
    few = compare(ours, ours, judgments, "mrr", sorted(judgments)[:4])
    assert (enough.ours.mean, enough.ours.low, enough.ours.high) == (1.0, 1.0, 1.0)
    assert (few.ours.mean, few.ours.low, few.ours.high) == (1.0, None, None)
    assert (few.difference.low, few.difference.high) == (None, None)
    assert enough.ours.shown() == "1.000 [1.000, 1.000]"
    assert few.difference.shown(sign="+") == "+0.000"


def test_small_fields_are_put_together() -> None:
    demands = [DemandCase(demand_id=f"D{n}", title="x", field="食品") for n in range(5)]
    demands += [DemandCase(demand_id=f"D{n}", title="x", field="电池") for n in range(5, 9)]
    demands += [DemandCase(demand_id="D9", title="x"), DemandCase(demand_id="DX", title="x")]
    cases = Cases(experts=[], demands=demands, judgments={})
    found = fields(cases, {f"D{n}": {} for n in range(10)})
    assert {name: len(ids) for name, ids in found.items()} == {
        "食品": 5,
        f"电池、{OTHERS}": 5,
    }
    few = fields(cases, {f"D{n}": {} for n in range(6)})
    assert {name: len(ids) for name, ids in few.items()} == {"食品": 5, OTHERS: 1}


def test_the_worst_says_who_was_missed_and_for_what() -> None:
    cases = Cases(
        experts=[],
        demands=[DemandCase(demand_id=d, title=f"需求 {d}") for d in ("D1", "D2")],
        judgments={},
    )
    ids = [f"E{n}" for n in range(12)]
    ours = {"D1": ranking(*ids), "D2": ranking(*ids)}
    judgments = {"D1": {"E0": 3}, "D2": {"E11": 3, "E1": 1, "E2": 0, "gone": 2}}
    bad, good = worst(cases, ours, judgments)
    assert (bad.demand_id, good.demand_id) == ("D2", "D1")
    assert (good.ndcg_at_10, good.missed) == (1.0, [])
    assert bad.judged_at_10 == 0.2
    first, second = bad.missed
    assert (first.expert_id, first.grade, first.rank) == ("E11", 3, 12)
    assert first.lacks == {"baseline": 0.0, "lexical": -2.0}
    assert (second.expert_id, second.rank, second.lacks) == ("gone", None, {})
