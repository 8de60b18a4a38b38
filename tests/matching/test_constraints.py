from datetime import date

import numpy as np
import pytest

from matching.constraints import nearness, region_range
from matching.index import MatchIndex
from matching.matcher import match
from matching.types import Constraints, Facts, Query
from tests.matching.pools import candidate

FACTS = Facts(
    kind="academician",
    region="330106",
    organizations=frozenset({"甲大学", "乙公司"}),
    absences=((date(2026, 3, 1), date(2026, 3, 31)),),
    remaining_capacity=2,
)


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
        (Constraints(on=date(2026, 2, 28)), None),
        (Constraints(on=date(2026, 3, 1)), ("absent", "2026-03-01/2026-03-31")),
        (Constraints(on=date(2026, 3, 31)), ("absent", "2026-03-01/2026-03-31")),
        (Constraints(on=date(2026, 4, 1)), None),
        (Constraints(excluded={"她": "已拒绝"}), ("excluded", "已拒绝")),
        (
            Constraints(excluded={"她": "已拒绝"}, regions=("11",), on=date(2026, 3, 2)),
            ("excluded", "已拒绝"),
        ),
    ],
)
def test_each_constraint(constraints: Constraints, expected: tuple[str, str] | None) -> None:
    assert reason(constraints) == expected


def test_no_capacity_left_excludes_always_and_no_limit_never() -> None:
    assert reason(Constraints(), Facts(remaining_capacity=0)) == ("no_capacity", "")
    assert reason(Constraints(), Facts(remaining_capacity=None)) is None


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
