"""Working days of China: weekends and holidays off, and the weekends that are worked instead.

The State Council tells the days of a year in November of the year before; of years that the
calendar's release does not know yet, Monday to Friday count.
"""

import calendar
from datetime import date, timedelta

import chinese_calendar

ONE_DAY = timedelta(days=1)
WEEKEND = 5


def is_known(year: int) -> bool:
    """Whether the holidays of a year are known."""
    return year in {day.year for day in chinese_calendar.constants.holidays}


def is_working_day(day: date) -> bool:
    """Whether offices are open.

    >>> is_working_day(date(2026, 10, 1)), is_working_day(date(2026, 10, 10))
    (False, True)
    """
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < WEEKEND


def shifted(day: date, count: int) -> date:
    """The working day that is so many after `day`, or before it where `count` is negative.

    >>> shifted(date(2026, 9, 30), 1)
    datetime.date(2026, 10, 8)
    """
    step = ONE_DAY if count > 0 else -ONE_DAY
    for _ in range(abs(count)):
        day += step
        while not is_working_day(day):
            day += step
    return day


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last one, or the first working day from there on.

    >>> months_later(date(2026, 1, 31), 1)
    datetime.date(2026, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    found = date(year, month + 1, min(day.day, last))
    while not is_working_day(found):
        found += ONE_DAY
    return found
