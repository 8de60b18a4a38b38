"""Amounts as people write them, and what is told of those that could mean something else."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.report import Outcome
from app.bulk.sheets.amounts import amount, is_range, names_unit
from app.bulk.sheets.columns import template
from app.demands.models import Demand
from app.scopes import Sessions
from tests.app.bulk.files import codes, csv_file, imported


@pytest.mark.parametrize(
    ("text", "wan"),
    [
        ("80", "80"),
        ("50万元", "50"),
        ("50 万", "50"),
        ("500000元", "50"),
        ("￥500,000元", "50"),
        ("0.5亿元", "5000"),
        ("12.5万元人民币", "12.5"),
        ("3千元", "0.3"),
        ("0", "0"),
        ("100万元", "100"),
    ],
)
def test_what_is_an_amount(text: str, wan: str) -> None:
    found = amount(text)
    assert found is not None
    assert (found.text, found.has_unit) == (wan, text not in ("80", "0"))


@pytest.mark.parametrize(
    "text", ["面议", "50-80万元", "约50万元", "-5", "万元", "", "1.2.3", "5万美元"]
)
def test_what_is_none(text: str) -> None:
    assert amount(text) is None


@pytest.mark.parametrize(
    "text", ["50-80万", "50～80万元", "50万元至80万元", "50.5—80", "约50-80万", "￥50 到 80"]
)
def test_what_is_a_range(text: str) -> None:
    assert is_range(text)


@pytest.mark.parametrize("text", ["-5", "50万", "2027", "面议", "-", "5万美元", ""])
def test_what_is_no_range(text: str) -> None:
    assert not is_range(text)


async def test_an_open_amount_is_left_empty_and_a_range_refused(
    sessions: Sessions, session: AsyncSession
) -> None:
    rows = [("需求1", "某某厂", "面议"), ("需求2", "某某厂", "50-80万")]
    file = csv_file(("需求名称", "企业名称", "资金总额（万元）"), *rows)
    body = await imported(sessions, "demands", file, filename="a.csv", mode=ImportMode.PARTIAL)
    told = {(e.row, e.outcome, e.code): e.message_zh for e in body.report if e.field == "budget"}
    assert told[2, Outcome.NOTED, "amount_open"] == "“面议”：金额留空"
    assert told[3, Outcome.REFUSED, "decimal_parsing"].startswith("“50-80万”：是一个范围")
    assert (await session.scalars(select(Demand.budget))).all() == [None]


def test_a_number_without_end_is_none() -> None:
    """It would overflow as a decimal."""
    assert amount("9" * 2_000_000) is None
    assert amount("0." + "9" * 2_000_000) is None


def test_the_templates_heading_names_the_unit() -> None:
    heads = template(ImportKind.DEMANDS).decode("utf-8-sig").split(",")
    assert "资金总额(万元)" in heads
    assert names_unit("资金总额（万元）")
    assert not names_unit("资金总额")


async def test_what_was_understood_is_told(sessions: Sessions, session: AsyncSession) -> None:
    """Once for a column without a unit, and for each amount that is hard to believe."""
    rows = [
        (f"需求{n}", "义乌某针织厂", cell)
        for n, cell in enumerate(("80", "500000元", 500_000, 60.5), start=1)
    ]
    told = {
        "资金总额": [(2, "budget", "unit_assumed"), (4, "budget", "amount_doubtful")],
        "资金总额（万元）": [(4, "budget", "amount_doubtful")],
    }
    for heading, expected in told.items():
        file = csv_file(("需求名称", "企业名称", heading), *rows)
        body = await imported(sessions, "demands", file, filename="a.csv")
        noted = [entry for entry in body.report if entry.outcome == "noted"]
        found = [(e.row, e.field, e.code) for e in noted if e.field == "budget"]
        assert found == expected
        assert all(entry.heading == heading for entry in noted if entry.field == "budget")
        stored = await session.scalars(select(Demand.budget).order_by(Demand.title))
        assert [float(value) for value in stored if value] == [80, 50, 500_000, 60.5]
    refused = csv_file(("需求名称", "企业名称", "资金总额"), ("需求", "某厂", "50-80万元"))
    assert codes(await imported(sessions, "demands", refused, filename="a.csv")) == [
        (2, "budget", "decimal_parsing")
    ]


async def test_the_unit_is_told_with_the_first_row_that_is_in(sessions: Sessions) -> None:
    """Not with one that is refused only when it is to be written."""
    file = csv_file(
        ("需求名称", "企业名称", "资金总额"),
        *(("需求1", "无", 60), ("需求2", "某某厂", 70), ("需求3", "某某厂", 80)),
    )
    body = await imported(sessions, "demands", file, filename="a.csv", mode=ImportMode.PARTIAL)
    told = [(e.row, e.code) for e in body.report if e.field in ("organization", "budget")]
    assert (2, "string_too_short") in told
    assert [row for row, code in told if code == "unit_assumed"] == [3]


def test_a_long_cell_is_no_range() -> None:
    """Nor does it take the square of its length to find out."""
    assert not is_range("1" + " " * 200_000 + "x")
