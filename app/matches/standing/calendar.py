"""What a match reads of the calendar: whom the day lets in or keeps out, as absences do."""

from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import CHINA
from app.matches.models import StandingSubject, Trigger
from app.matches.standing import repository
from matching import Constraints, MatchIndex
from matching.columns import string
from matching.constraints import segment_reasons


async def follow_calendar(session: AsyncSession, index: MatchIndex, day: date) -> None:
    """Let those experts wait to whom the day, or the one before, makes a difference.

    The day before too, so that nobody is missed by a worker that was away for hours.
    """
    days = [day - timedelta(days=ago) for ago in (2, 1, 0)]
    experts = kept_otherwise(index, *days[:2]) | kept_otherwise(index, *days[1:])
    if days[0].year != day.year:
        years = (day.year - 1, day.year)
        since, until = (datetime(year, 1, 1, tzinfo=CHINA) for year in years)
        experts |= {*await repository.recommended_between(session, since, until)}
    await repository.add_work(session, StandingSubject.EXPERT, experts, Trigger.SCHEDULE)


def kept_otherwise(index: MatchIndex, before: date, after: date) -> set[UUID]:
    """Whom the constraints keep out on one of two days, or for another reason."""
    found: set[UUID] = set()
    for segment, alive in zip(index.segments, index.alive_by_segment, strict=True):
        was, now = (
            segment_reasons(segment.candidates.facts, Constraints(on=day))
            for day in (before, after)
        )
        rows = np.flatnonzero(alive & (was != now)).tolist()
        found |= {UUID(string(segment.candidates.ids, row)) for row in rows}
    return found
