from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.constraints import (
    REASONS,
    nearness,
    reasons_against,
    region_range,
    segment_reasons,
)
from matching.index import MatchIndex
from matching.matcher import match
from matching.segments import fact_table
from matching.types import Constraints, Facts, Limits, Query
from tests.matching.pools import candidate

FACTS = Facts(
    kind="academician",
    region="330106",
    organizations=frozenset({"甲大学", "乙公司"}),
    absences=((date(2026, 3, 1), date(2026, 3, 31)),),
    capacity=2,
    invited_on=(date(2025, 12, 20), date(2026, 1, 5)),
    refused_on=(date(2025, 12, 22),),
    reduced=(1, date(2026, 6, 30)),
    do_not_contact_until=date(2025, 11, 30),
)
REST = Limits(rest_after_invitation=7, rest_after_refusal=20)


def reason(constraints: Constraints, facts: Facts = FACTS) -> tuple[str, str] | None:
    index = MatchIndex.fit([candidate("他", "茶叶"), candidate("她", "耐火材料", facts=facts)])
    ranking = match(Query(title="耐火材料"), index, constraints=constraints)
    found = [(e.reason, e.detail) for e in ranking.exclusions if e.candidate_id == "她"]
    present = any(m.candidate_id == "她" for m in ranking.matches)
    assert present == (not found)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        (Constraints(), None),
        (Constraints(kinds=frozenset({"academician"})), None),
        (Constraints(kinds=frozenset({"overseas"})), ("kind", "academician")),
        (Constraints(regions=("330000",)), None),
        (Constraints(regions=("110000", "330100")), None),
        (Constraints(regions=("3301",)), None),
        (Constraints(regions=("330200",)), ("region", "330106")),
        (Constraints(regions=()), ("region", "330106")),
        (Constraints(organizations=frozenset({"丙"})), None),
        (
            Constraints(organizations=frozenset({"乙公司", "甲大学", "丙"})),
            ("organization_conflict", "乙公司, 甲大学"),
        ),
        (Constraints(on=date(2027, 2, 28)), None),
        (Constraints(on=date(2026, 3, 1)), ("absent", "2026-03-01/2026-03-31")),
        (Constraints(on=date(2026, 3, 31)), ("absent", "2026-03-01/2026-03-31")),
        (Constraints(on=date(2026, 7, 1)), None),
        (Constraints(on=date(2026, 4, 1)), ("no_capacity", "1/1 2026-06-30")),
        (Constraints(on=date(2026, 6, 30)), ("no_capacity", "1/1 2026-06-30")),
        (Constraints(on=date(2025, 11, 30)), ("do_not_contact", "2025-11-30")),
        (Constraints(on=date(2025, 12, 1)), ("no_capacity", "1/1 2026-06-30")),
        (Constraints(on=date(2025, 12, 31), limits=REST), ("resting", "2026-01-10")),
        (Constraints(on=date(2026, 1, 10), limits=REST), ("resting", "2026-01-11")),
        (Constraints(on=date(2026, 1, 11), limits=REST), ("resting", "2026-01-11")),
        (Constraints(on=date(2025, 12, 20), limits=REST), ("resting", "2025-12-26")),
        (Constraints(on=date(2026, 1, 12), limits=REST), ("no_capacity", "1/1 2026-06-30")),
        (Constraints(excluded={"她": "已拒绝"}), ("excluded", "已拒绝")),
        (
            Constraints(excluded={"她": "已拒绝"}, regions=("11",), on=date(2026, 3, 2)),
            ("excluded", "已拒绝"),
        ),
    ],
)
def test_each_constraint(constraints: Constraints, expected: tuple[str, str] | None) -> None:
    assert reason(constraints) == expected


def test_who_takes_none_is_excluded_always_and_without_a_limit_never() -> None:
    assert reason(Constraints(), Facts(capacity=0)) == ("no_capacity", "0/0")
    assert reason(Constraints(), Facts(do_not_contact_until=date.max)) == ("do_not_contact", "")
    often = Facts(invited_on=(date(2026, 3, 1),) * 9)
    assert reason(Constraints(on=date(2026, 3, 2)), often) is None


def test_a_kind_has_its_own_usual_capacity_and_everybody_who_says_so_their_own() -> None:
    on, limits = date(2026, 3, 2), Limits(capacity=2, capacities={"academician": 1})
    once, asked = (date(2026, 2, 1),), Constraints(on=on, limits=limits)
    assert reason(asked, Facts(kind="academician", invited_on=once)) == ("no_capacity", "1/1")
    assert reason(asked, Facts(kind="expert", invited_on=once)) is None
    assert reason(asked, Facts(kind="academician", capacity=2, invited_on=once)) is None
    assert reason(asked, Facts(invited_on=(on, on))) == ("no_capacity", "2/2")


def test_without_a_region_nobody_is_inside_one() -> None:
    assert reason(Constraints(regions=("33",)), Facts()) == ("region", "")
    assert reason(Constraints(regions=("000000",)), Facts()) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("330000", (330000, 340000)),
        ("33", (330000, 340000)),
        ("330100", (330100, 330200)),
        ("330106", (330106, 330107)),
        ("000000", (0, 1000000)),
    ],
)
def test_region_ranges(code: str, expected: tuple[int, int]) -> None:
    assert region_range(code) == expected


@pytest.mark.parametrize("code", ["", "浙江", "3301060", "33x"])
def test_other_codes_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match="region code"):
        region_range(code)


def test_nearness_is_the_share_of_leading_pairs() -> None:
    regions = np.array([330106, 330109, 330200, 110106, 330000, 0], dtype=np.int32)
    assert nearness(regions, "330106").tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0, 1 / 3, 0])
    assert nearness(regions, "330000").tolist() == pytest.approx([1 / 3] * 3 + [0, 1 / 3, 0])
    assert nearness(regions, "").tolist() == [0] * 6


DAYS = st.integers(0, 60).map(lambda number: date(2026, 12, 1) + timedelta(days=number))
CAPACITIES = st.integers(0, 3)
ANYBODY = st.builds(
    Facts,
    kind=st.sampled_from(["academician", "expert"]),
    organizations=st.frozensets(st.sampled_from("甲乙"), max_size=1),
    absences=st.lists(st.tuples(DAYS, DAYS).map(lambda span: tuple(sorted(span))), max_size=1).map(
        tuple
    ),
    capacity=st.none() | CAPACITIES,
    reduced=st.none() | st.tuples(CAPACITIES, DAYS),
    do_not_contact_until=st.none() | DAYS | st.just(date.max),
    invited_on=st.lists(DAYS, max_size=4).map(tuple),
    refused_on=st.lists(DAYS, max_size=2).map(tuple),
)
ANY = st.builds(
    Constraints,
    on=st.none() | DAYS,
    limits=st.builds(
        Limits,
        capacity=st.none() | CAPACITIES,
        capacities=st.dictionaries(st.just("academician"), CAPACITIES),
        rest_after_invitation=st.integers(0, 9),
        rest_after_refusal=st.integers(0, 20),
    ),
    organizations=st.frozensets(st.sampled_from("甲乙"), max_size=1),
)


def said_plainly(facts: Facts, constraints: Constraints) -> list[str]:
    """The same rules for one candidate, day by day."""
    on, limits = constraints.on, constraints.limits
    usual = limits.capacities.get(facts.kind, limits.capacity)
    allowed = usual if facts.capacity is None else facts.capacity
    counted = [day for day in facts.invited_on if on and day.year == on.year]
    rests = [timedelta(days=n) for n in (limits.rest_after_invitation, limits.rest_after_refusal)]
    if on and facts.reduced and on <= facts.reduced[1]:
        allowed = facts.reduced[0] if allowed is None else min(allowed, facts.reduced[0])
    holds = {
        "organization_conflict": bool(facts.organizations & constraints.organizations),
        "do_not_contact": (facts.do_not_contact_until or date.min) >= (on or date.max),
        "absent": any(on and low <= on <= high for low, high in facts.absences),
        "resting": any(
            on and day <= on < day + rest
            for days, rest in zip((facts.invited_on, facts.refused_on), rests, strict=True)
            for day in days
        ),
        "no_capacity": allowed is not None and len(counted) >= allowed,
    }
    return [reason for reason in REASONS if holds.get(reason)]


@given(people=st.lists(ANYBODY, min_size=1, max_size=6), constraints=ANY)
def test_many_and_one_are_judged_alike(people: list[Facts], constraints: Constraints) -> None:
    codes = segment_reasons(fact_table(people), constraints)
    for facts, code in zip(people, codes, strict=True):
        alone = [o.reason for o in reasons_against("她", facts, constraints)]
        assert alone == said_plainly(facts, constraints)
        assert REASONS[code] == (alone[0] if alone else "")
