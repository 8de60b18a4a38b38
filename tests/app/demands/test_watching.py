"""A submitted demand that nobody answers goes up, a level at a time."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.demands import repository
from app.demands.models import Demand, DemandState, Handover
from app.demands.watching import watch
from app.regions import COUNTRY
from tests.app.matches import scenes
from tests.people import People


async def up(app: FastAPI, days: int) -> int:
    moment = now() + timedelta(days=days)
    return await watch(app.state.sessions, moment, first_answer_days=5, escalation_days=5)


async def test_nobody_waits_for_ever(app: FastAPI, people: People, session: AsyncSession) -> None:
    await scenes.demand(session, await people.organization())
    await session.execute(update(Demand).values(state=DemandState.SUBMITTED, submitted_at=now()))
    await session.commit()
    assert [await up(app, days) for days in (1, 3, 40, 40)] == [0, 0, 1, 1]
    assert [await up(app, days) for days in (0, 1)] == [0, 0]  # handed up today
    codes = await session.scalars(select(Handover.to_region_code).order_by(Handover.created_at))
    assert list(codes) == ["330700", "330000"]
    await session.execute(update(Demand).values(state=DemandState.RETURNED))
    await session.commit()
    assert await up(app, 80) == 0


async def test_what_is_at_the_top_keeps_nobody_else_waiting(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "WAITING_AT_ONCE", 2)
    organization = await people.organization()
    placed: list[dict[str, Any]] = [{"region_code": None}, {"handed_to_region_code": COUNTRY}, {}]
    for number, fields in enumerate(placed):
        demand = await scenes.demand(session, organization)
        submitted_at = now() - timedelta(days=60 - number)
        values = {"state": DemandState.SUBMITTED, "submitted_at": submitted_at, **fields}
        await session.execute(update(Demand).where(Demand.id == demand.id).values(**values))
    await session.commit()
    assert await up(app, 0) == 1
