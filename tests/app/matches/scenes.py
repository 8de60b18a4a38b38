"""A small pool, a published demand, and the verbs of matching as the tests use them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements.models import Achievement, AchievementState
from app.achievements.operations import index_text as index_achievement
from app.changes import operations as changes
from app.clock import now
from app.demands.models import Demand, DemandState
from app.experts.models import (
    Evidence,
    EvidenceKind,
    Expert,
    ExpertKind,
    ExpertState,
    Grade,
    Invitation,
)
from app.experts.operations import index_text
from app.main import create_app, services
from app.organizations.models import Organization
from app.settings import Settings
from tests.app.demands.forms import store as store_demand
from tests.people import YIWU

DIRECTIONS = {
    "染整": "锦纶染色；热黄变控制；超细旦锦纶针织物",
    "茶叶": "茶园害虫绿色防控；茶叶加工",
    "耐火": "耐火材料；高温窑炉衬里",
    "电机": "永磁电机；无传感器控制；伺服驱动",
}


async def expert(session: AsyncSession, name: str, direction: str, **fields: Any) -> Expert:
    """An expert of the pool with two items of evidence, told to the followers."""
    evidence = [
        Evidence(kind=EvidenceKind.PATENT, title=f"{direction[:6]}的方法", grade=Grade.VERIFIED),
        Evidence(kind=EvidenceKind.PUBLICATION, title=f"{direction[:6]}研究", year=2024),
    ]
    known: dict[str, Any] = {
        "kind": ExpertKind.EXPERT,
        "state": ExpertState.IN_POOL,
        "title": "教授",
        "organization_name": "某大学",
        "disciplines": ["540"],
        "research_directions": direction.split("；"),
        "specialities": [],
        "introduction": "",
        "region_code": YIWU,
        "evidence": evidence,
    }
    stored = Expert(name=name, **known | fields)
    index_text(stored)
    session.add(stored)
    await changes.append(session, "expert.in_pool", stored.id)
    await session.commit()
    return stored


async def pool(session: AsyncSession) -> dict[str, Expert]:
    """Four experts by field."""
    return {name: await expert(session, name, words) for name, words in DIRECTIONS.items()}


async def invitation(
    session: AsyncSession, expert: Expert, ago: timedelta = timedelta(0), **fields: Any
) -> None:
    """The expert was invited so long ago, to whatever; told to the followers."""
    session.add(Invitation(expert_id=expert.id, invited_at=now() - ago, **fields))
    await changes.append(session, "expert.invited", expert.id)
    await session.commit()


async def demand(session: AsyncSession, organization: Organization, **fields: Any) -> Demand:
    """A published demand, told to the followers."""
    stored = await store_demand(session, organization, **fields)
    await changes.append(session, f"demand.{stored.state}", stored.id)
    await session.commit()
    return stored


async def achievement(session: AsyncSession, name: str, summary: str) -> Achievement:
    stored = Achievement(
        name=name,
        summary=summary,
        registration_number="",
        organization_name="某研究院",
        state=AchievementState.PUBLISHED,
        keywords=[],
        people=[],
        region_code=YIWU,
    )
    index_achievement(stored)
    session.add(stored)
    await changes.append(session, "achievement.published", stored.id)
    await session.commit()
    return stored


async def move(session: AsyncSession, moved: Demand, state: DemandState) -> None:
    """Put a demand into a state, told to the followers."""
    moved.state = state
    await changes.append(session, f"demand.{state}", moved.id)
    await session.commit()


async def match(staff: AsyncClient, demand_id: UUID | str, **parameters: Any) -> dict[str, Any]:
    """A new run."""
    answer = await staff.post(f"/demands/{demand_id}:match", json=parameters)
    assert answer.status_code == (200 if parameters.get("dry_run") else 201), answer.text
    assert ("etag" in answer.headers) is (answer.status_code == 201)
    run: dict[str, Any] = answer.json()
    return run


async def judge(staff: AsyncClient, match_id: str, verdict: str, reason: str = "") -> int:
    body = {"verdict": verdict, "reason": reason}
    return (await staff.post(f"/matches/{match_id}:judge", json=body)).status_code


def names(run: dict[str, Any]) -> list[str]:
    """The candidates' names, best first."""
    return [item["expert"]["name"] for item in run["matches"]]


def scores(run: dict[str, Any]) -> dict[str, float]:
    return {item["expert"]["name"]: item["score"] for item in run["matches"]}


@asynccontextmanager
async def another_process(settings: Settings, database: URL) -> AsyncIterator[FastAPI]:
    """A second service on the same database, with all the state that a process has."""
    other = create_app(settings)
    async with services(other, database):
        yield other
