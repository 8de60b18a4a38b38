"""A proposal of two regions, which staff of one of them look at."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import Demand
from tests.app.problems import scenes
from tests.people import GUANGZHOU, YIWU, People


@pytest.fixture
async def demands(people: People, session: AsyncSession) -> list[Demand]:
    """Two like demands, of Yiwu and of Guangzhou, among others."""
    await scenes.others(session, people)
    return [
        await scenes.demand(session, people, "黄变", problem="内部配方甲"),
        await scenes.demand(session, people, "黄变二", region_code=GUANGZHOU, problem="内部配方乙"),
    ]


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator(YIWU)


@pytest.fixture
async def problem(app: FastAPI, demands: list[Demand], staff: AsyncClient) -> dict[str, Any]:
    await scenes.propose(app)
    return await scenes.only(staff)
