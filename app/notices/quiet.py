"""The hours in which nobody is written to."""

from datetime import datetime, time

from app.clock import CHINA


def is_quiet(moment: datetime, hours: tuple[time, time] | None) -> bool:
    """Whether the moment lies in the hours, which may go over midnight; None are never."""
    if hours is None:
        return False
    begin, end = hours
    at = moment.astimezone(CHINA).time()
    return begin <= at < end if begin <= end else at >= begin or at < end
