"""What a match reads of the calendar: absences begin and end, and capacities are of a year."""

from datetime import date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import CHINA
from app.matches.models import StandingSubject, Trigger
from app.matches.standing import repository


async def follow_calendar(session: AsyncSession, day: date) -> None:
    """Let those experts wait to whom the day, or the one before, makes a difference.

    The day before too, so that nobody is missed by a worker that was away for hours.
    """
    days = [day - timedelta(days=1), day]
    experts = {*await repository.absent_on_edge(session, days)}
    if days[0].year != day.year or day.timetuple().tm_yday == 2:
        years = (day.year - 1, day.year)
        since, until = (datetime(year, 1, 1, tzinfo=CHINA) for year in years)
        experts |= {*await repository.recommended_between(session, since, until)}
    await repository.add_work(session, StandingSubject.EXPERT, experts, Trigger.SCHEDULE)
