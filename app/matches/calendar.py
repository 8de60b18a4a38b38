"""Days and years as people here count them: all of China keeps UTC+8."""

from datetime import date, datetime, timedelta, timezone

from app.database import now

CHINA = timezone(timedelta(hours=8))


def today() -> date:
    return now().astimezone(CHINA).date()


def year_began_at() -> datetime:
    """The moment from which this year's engagements count."""
    return datetime(today().year, 1, 1, tzinfo=CHINA)
