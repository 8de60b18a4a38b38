"""Days and years are those of China, moments those of everybody."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app import clock

NEW_YEAR = datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_moments_are_aware_and_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("moment", "day", "began_at"),
    [
        (NEW_YEAR, date(2027, 1, 1), datetime(2025, 12, 31, 16, tzinfo=UTC)),
        (
            NEW_YEAR - timedelta(seconds=1),
            date(2026, 12, 31),
            datetime(2024, 12, 31, 16, tzinfo=UTC),
        ),
    ],
)
def test_the_day_and_the_year_begin_in_china(
    monkeypatch: pytest.MonkeyPatch, moment: datetime, day: date, began_at: datetime
) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert clock.today() == day
    assert clock.last_year_began_at() == began_at
