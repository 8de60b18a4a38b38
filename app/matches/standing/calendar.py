"""What a match reads of the calendar: whom the day lets in or keeps out, as absences do."""

from datetime import date, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.models import StandingSubject, Trigger
from app.matches.standing import repository
from matching import Constraints, Limits, MatchIndex
from matching.columns import string
from matching.constraints import segment_reasons


async def follow_calendar(
    session: AsyncSession, index: MatchIndex, day: date, limits: Limits
) -> None:
    """Let those experts wait to whom the day, or the one before, makes a difference.

    The day before too, so that nobody is missed by a worker that was away for hours.
    """
    days = [day - timedelta(days=ago) for ago in (2, 1, 0)]
    pairs = (days[:2], days[1:])
    experts = set().union(*(kept_otherwise(index, *pair, limits=limits) for pair in pairs))
    await repository.add_work(session, StandingSubject.EXPERT, experts, Trigger.SCHEDULE)


def kept_otherwise(index: MatchIndex, before: date, after: date, *, limits: Limits) -> set[UUID]:
    """Whom the constraints keep out on one of two days, or for another reason."""
    found: set[UUID] = set()
    for segment, alive in zip(index.segments, index.alive_by_segment, strict=True):
        was, now = (
            segment_reasons(segment.candidates.facts, Constraints(on=day, limits=limits))
            for day in (before, after)
        )
        rows = np.flatnonzero(alive & (was != now)).tolist()
        found |= {UUID(string(segment.candidates.ids, row)) for row in rows}
    return found
