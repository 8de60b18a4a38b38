"""Working days of China, also in years whose holidays nobody has told yet."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.working_days import is_known, is_working_day, months_later, shifted

DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        (date(2026, 2, 17), False),  # 春节
        (date(2026, 2, 14), True),  # a Saturday that is worked
        (date(2026, 3, 11), True),
        (date(2026, 3, 14), False),
        (date(2031, 10, 1), True),  # a Wednesday; nobody knows its holidays
        (date(2031, 10, 4), False),
    ],
)
def test_days(day: date, is_open: bool) -> None:
    assert is_working_day(day) is is_open


def test_years_that_are_known() -> None:
    assert is_known(2026)
    assert not is_known(2040)


@given(DAYS, st.integers(1, 40))
def test_so_many_working_days_lie_between(day: date, count: int) -> None:
    end = shifted(day, count)
    passed = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(map(is_working_day, passed)) == count
    assert is_working_day(end)
    assert shifted(end, -count) <= day + timedelta(days=0 if is_working_day(day) else 12)


@given(DAYS, st.integers(1, 24))
def test_months_end_on_a_working_day_soon_after(day: date, months: int) -> None:
    end = months_later(day, months)
    assert is_working_day(end)
    target = (day.year * 12 + day.month - 1 + months) % 12 + 1
    assert end.month in (target, target % 12 + 1)
    assert end > day


def test_of_a_day_that_a_month_has_not_its_last_one_counts() -> None:
    assert months_later(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert months_later(date(2026, 8, 1), 2) == date(2026, 10, 8)
