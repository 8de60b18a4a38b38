"""By when the next step of a docking is expected, and what happens when it does not come."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Depends

from app.clock import MomentDep, day_of
from app.dockings.models import Docking, DockingState
from app.dockings.workflow import CLOSED
from app.settings import Settings, SettingsDep
from app.working_days import months_later, shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A moment, and how long each step may take, in working days or in months."""

    moment: datetime
    invitation_days: int
    step_days: int
    escalation_days: int
    progress_months: int
    follow_up_months: tuple[int, ...]

    @classmethod
    def at(cls, moment: datetime, settings: Settings) -> "Clock":
        return cls(
            moment=moment,
            invitation_days=settings.invitation_days,
            step_days=settings.docking_step_days,
            escalation_days=settings.escalation_days,
            progress_months=settings.docking_progress_months,
            follow_up_months=settings.follow_up_months,
        )

    @property
    def today(self) -> date:
        return day_of(self.moment)


async def get_clock(moment: MomentDep, settings: SettingsDep) -> Clock:
    return Clock.at(moment, settings)


ClockDep = Annotated[Clock, Depends(get_clock)]


class Due(StrEnum):
    """What the clock does of itself: 提醒 / 逾期 / 升级上报."""

    REMIND = "remind"
    EXPIRE = "expire"
    ESCALATE = "escalate"


def due_on(docking: Docking, clock: Clock) -> date | None:
    """The day of the next step, counted from today; None where none is expected."""
    if docking.state in CLOSED:
        return None
    if docking.state is DockingState.INVITED:
        return shifted(clock.today, clock.invitation_days)
    if docking.state is DockingState.IN_PROGRESS:
        return months_later(clock.today, clock.progress_months)
    if docking.state is DockingState.ACCEPTED:
        months = clock.follow_up_months[docking.follow_ups]
        return months_later(docking.result_accepted_on or clock.today, months)
    return shifted(clock.today, clock.step_days)


def is_last_follow_up(docking: Docking, clock: Clock) -> bool:
    return docking.follow_ups + 1 >= len(clock.follow_up_months)


def what_is_due(docking: Docking, clock: Clock) -> Due | None:
    """What the clock has to do now: first it reminds, then it goes up a level, again and again.

    An invitation is not handed up: it expires on the day after its last one.
    """
    if docking.due_on is None or clock.today < docking.due_on:
        return None
    if docking.state is DockingState.INVITED and clock.today > docking.due_on:
        return Due.EXPIRE
    if docking.reminded_on is None:
        return Due.REMIND
    last = docking.escalated_on or docking.due_on
    if docking.state is not DockingState.INVITED and last < overdue_since(clock):
        return Due.ESCALATE
    return None


def overdue_since(clock: Clock) -> date:
    """What was due, or handed up, before this day goes up a level."""
    return shifted(clock.today, -clock.escalation_days)
