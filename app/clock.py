"""What time it is: moments are aware and in UTC, days and years those of China, which is UTC+8."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Annotated

from fastapi import Depends

CHINA = timezone(timedelta(hours=8))


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def day_of(moment: datetime) -> date:
    return moment.astimezone(CHINA).date()


def day_began_at(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=CHINA)


def today() -> date:
    return day_of(now())


def last_year_began_at() -> datetime:
    """The moment from which invitations are remembered, however long one rests after them."""
    return day_began_at(date(today().year - 1, 1, 1))


async def get_moment() -> datetime:
    """The present moment, for what depends on it; tests move it."""
    return now()


MomentDep = Annotated[datetime, Depends(get_moment)]
