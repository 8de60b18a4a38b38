"""Deadlines: what is due when, and that the clock does it once, whoever cuts it off."""

from datetime import date, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import day_began_at, day_of, now
from app.demands.models import Handover
from app.dockings import operations
from app.dockings.deadlines import Clock, Due, due_on, is_last_follow_up, what_is_due
from app.dockings.models import Docking, DockingState
from app.dockings.watching import watch
from app.dockings.workflow import CLOSED
from app.settings import Settings
from app.working_days import shifted
from tests.app.dockings.scenes import (
    Scene,
    another,
    contacted,
    docked,
    recommended,
    step,
    steps,
    taken,
)
from tests.people import People


def clock_at(day: date) -> Clock:
    settings = Settings(_env_file=None, secret_key="a secret of the tests, long enough")
    return Clock.at(day_began_at(day) + timedelta(hours=9), settings)


MONDAY = date(2026, 9, 28)  # the National Day's week follows: 1 to 7 October are off


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (DockingState.RECOMMENDED, date(2026, 10, 23)),
        (DockingState.INVITED, date(2026, 10, 10)),  # a Saturday that is worked
        (DockingState.CONTACTED, date(2026, 10, 23)),
        (DockingState.IN_PROGRESS, date(2026, 12, 28)),
        (DockingState.ACCEPTED, date(2026, 10, 28)),
        *((state, None) for state in sorted(CLOSED)),
    ],
)
def test_the_next_step_is_due(state: DockingState, expected: date | None) -> None:
    docking = Docking(state=state, follow_ups=0, result_accepted_on=MONDAY)
    assert due_on(docking, clock_at(MONDAY)) == expected


def test_follow_ups_come_after_one_and_three_months() -> None:
    docking = Docking(state=DockingState.ACCEPTED, follow_ups=1, result_accepted_on=MONDAY)
    assert due_on(docking, clock_at(date(2026, 10, 28))) == date(2026, 12, 28)
    assert is_last_follow_up(docking, clock_at(MONDAY))


def test_first_it_reminds_then_it_goes_up_again_and_again() -> None:
    docking = Docking(state=DockingState.NEGOTIATING, due_on=MONDAY)
    assert what_is_due(docking, clock_at(MONDAY - timedelta(days=1))) is None
    assert what_is_due(docking, clock_at(MONDAY)) is Due.REMIND
    docking.reminded_on = MONDAY
    latest = shifted(MONDAY, 5)
    assert what_is_due(docking, clock_at(latest)) is None
    assert what_is_due(docking, clock_at(shifted(latest, 1))) is Due.ESCALATE
    docking.escalated_on = shifted(latest, 1)
    assert what_is_due(docking, clock_at(shifted(latest, 5))) is None
    assert what_is_due(docking, clock_at(shifted(latest, 7))) is Due.ESCALATE


def test_an_invitation_expires_on_the_day_after_its_last() -> None:
    docking = Docking(state=DockingState.INVITED, due_on=MONDAY)
    assert what_is_due(docking, clock_at(MONDAY)) is Due.REMIND
    docking.reminded_on = MONDAY
    assert what_is_due(docking, clock_at(MONDAY)) is None
    assert what_is_due(docking, clock_at(MONDAY + timedelta(days=1))) is Due.EXPIRE


async def later(app: FastAPI, scene: Scene, docking_id: str, days: int) -> int:
    """What the clock does so many days after the docking's step was due."""
    shown = (await scene.staff.get(f"/dockings/{docking_id}")).json()
    due = date.fromisoformat(shown["due_on"])
    return await watch(app.state.sessions, clock_at(due + timedelta(days=days)))


async def test_the_clock_ends_an_invitation_and_says_so(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    scene = await recommended(people, session)
    docking_id = await docked(scene)
    await taken(scene.staff, docking_id, "invite")
    assert [await later(app, scene, docking_id, n) for n in (-1, 0, 0)] == [0, 1, 0]
    assert await later(app, scene, docking_id, 1) == 1
    shown = (await scene.enterprise.get(f"/dockings/{docking_id}")).json()
    assert (shown["state"], shown["setback"], shown["due_on"]) == ("expired", "no_answer", None)
    timeline = await steps(scene.enterprise, docking_id)
    assert [s["verb"] for s in timeline] == ["open", "invite", "remind", "expire"]
    status, refused = await step(scene.staff, docking_id, "invite")
    assert (status, refused["errors"][0]["code"]) == (409, "resting")


async def test_what_is_overdue_goes_up_level_by_level(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await recommended(people, session)
    docking_id = await contacted(scene)
    assert await later(app, scene, docking_id, 0) == 1
    [waiting] = (await scene.staff.get("/queue", params={"kind": "carry_docking"})).json()["items"]
    assert waiting["path"].endswith(f"/dockings/{docking_id}")

    async def cut_off(*arguments: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:  # the worker is killed after the demand went up
        patched.setattr(operations, "note_by_clock", cut_off)
        with pytest.raises(ConnectionError):
            await later(app, scene, docking_id, 14)
    assert await levels(session) == []
    assert [await later(app, scene, docking_id, n) for n in (14, 14, 28, 60, 90)] == [1, 0, 1, 1, 0]
    assert await levels(session) == ["330700", "330000", "000000"]
    verbs = [s["verb"] for s in await steps(scene.staff, docking_id)]
    assert verbs[-4:] == ["remind", *["escalate"] * 3]
    moved = await taken(scene.enterprise, docking_id, "visit")
    assert (moved["reminded_on"], moved["escalated_on"]) == (None, None)
    assert date.fromisoformat(moved["due_on"]) == shifted(day_of(now()), 15)


async def test_a_demand_goes_up_one_level_however_many_of_its_dockings_are_overdue(
    app: FastAPI,
    people: People,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = await recommended(people, session)
    docking_id = await contacted(scene)
    await docked(await another(people, session, scene))
    await session.execute(update(Docking).values(due_on=MONDAY, reminded_on=MONDAY))
    await session.commit()
    note_by_clock, failing = operations.note_by_clock, [False, True]

    async def fail_once(*arguments: Any) -> None:
        if failing.pop():
            raise ValueError
        await note_by_clock(*arguments)

    with monkeypatch.context() as patched:  # it holds back none behind it
        patched.setattr(operations, "note_by_clock", fail_once)
        assert await later(app, scene, docking_id, 30) == 1
    assert "is passed over" in caplog.text
    assert await levels(session) == ["330700"]


async def levels(session: AsyncSession) -> list[str]:
    """Where the clock has handed the demand, in order."""
    statement = select(Handover.to_region_code).where(Handover.account_id.is_(None))
    found = await session.scalars(statement.order_by(Handover.created_at))
    await session.rollback()
    return list(found)
