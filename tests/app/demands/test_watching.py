"""A submitted demand that nobody answers goes up, a level at a time."""

from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.demands.models import Demand, DemandState, Handover
from app.demands.watching import watch
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
