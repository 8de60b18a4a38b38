"""Whatever changes, in whatever order: what stands is what a match of the whole pool finds."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import today
from app.demands.models import Demand, DemandState
from app.experts.models import Expert, ExpertState
from app.matches.models import Pool
from app.scopes import Scope, within
from tests.app.matches import scenes
from tests.app.matches.standing.following import (
    follower,
    matched_in_full,
    runs_by_demand,
    standing,
)
from tests.people import People

WORDS = (
    *("锦纶染色", "热黄变控制", "茶园害虫防控", "茶叶加工", "耐火材料"),
    *("窑炉衬里", "永磁电机", "无传感器控制", "伺服驱动"),
)
LIMIT = 3
STEPS = 14


class Story:
    """A pool and demands to which anything may happen, told to the followers as it is meant."""

    def __init__(self, app: FastAPI, session: AsyncSession, people: People, seed: int) -> None:
        self.app, self.session, self.people = app, session, people
        self.random = random.Random(seed)
        self.experts: list[Expert] = []
        self.demands: list[Demand] = []

    def words(self, count: int) -> str:
        return "；".join(self.random.sample(WORDS, count))

    async def begin(self) -> None:
        self.organization = await self.people.organization()
        self.staff = await self.people.coordinator()
        for _ in range(9):
            await self.somebody_comes()
        for _ in range(5):
            await self.demand_is_published()

    async def somebody_comes(self) -> None:
        name = f"专家{len(self.experts)}"
        self.experts.append(await scenes.expert(self.session, name, self.words(2)))

    async def somebody_writes(self) -> None:
        """What an expert says, and sometimes how many invitations they take."""
        expert = self.random.choice(self.experts)
        expert.research_directions = self.words(2).split("；")
        expert.yearly_capacity = self.random.choice([None, None, 0])
        await self._told(expert, "expert.updated")

    async def somebody_is_away(self) -> None:
        expert = self.random.choice(self.experts)
        day, is_here = today(), bool(expert.absences)
        away = [{"from_on": str(day), "until_on": str(day + timedelta(days=9))}]
        expert.absences = [] if is_here else away
        await self._told(expert, "expert.updated")

    async def somebody_goes_or_comes_back(self) -> None:
        expert = self.random.choice(self.experts)
        is_here = expert.state is ExpertState.IN_POOL
        expert.state = ExpertState.SUSPENDED if is_here else ExpertState.IN_POOL
        await self._told(expert, f"expert.{expert.state}")

    async def demand_is_published(self) -> None:
        """By hand for few places, so that most experts are not among them."""
        text: dict[str, Any] = {"title": self.words(1), "problem": self.words(2)}
        demand = await scenes.demand(self.session, self.organization, **text)
        self.demands.append(demand)
        await scenes.match(self.staff, demand.id, limit=LIMIT)

    async def demand_is_corrected(self) -> None:
        demand = self.random.choice(self.demands)
        demand.problem = self.words(2)
        await self._told(demand, "demand.updated")

    async def demand_is_withdrawn(self) -> None:
        if len(self.demands) > 2:
            demand = self.demands.pop(self.random.randrange(len(self.demands)))
            await scenes.move(self.session, demand, DemandState.WITHDRAWN)

    async def statistics_are_learned(self) -> None:
        async with within(self.app.state.sessions, Scope.INDEX).begin() as session:
            await self.app.state.matcher.indexes[Pool.EXPERTS].fit(session, None)

    async def _told(self, record: Expert | Demand, kind: str) -> None:
        await changes.append(self.session, kind, record.id)
        await self.session.commit()

    @property
    def events(self) -> list[Callable[[], Awaitable[None]]]:
        often = [self.somebody_writes, self.somebody_goes_or_comes_back, self.somebody_comes]
        seldom = [self.demand_is_corrected, self.demand_is_withdrawn, self.demand_is_published]
        return [*2 * often, *seldom, self.somebody_is_away, self.statistics_are_learned]


async def test_what_stands_is_what_a_full_match_finds(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    story = Story(app, session, people, seed=11)
    await story.begin()
    job = await follower(app)
    for step in range(STEPS):
        event = story.random.choice(story.events)
        await event()
        if story.random.random() < 0.3:  # two things between two jobs
            await story.random.choice(story.events)()
        await job.follow()
        stands = await standing(session)
        assert stands.keys() == {demand.id for demand in story.demands}, event.__name__
        for demand in story.demands:
            full = await matched_in_full(app, demand.id, LIMIT)
            assert stands[demand.id] == full, (step, event.__name__)
    runs = await runs_by_demand(session)
    unasked = [run for of in runs.values() for run in of if run.account_id is None]
    assert unasked, "something was news"
    before = sum(map(len, runs.values()))
    await job.follow()
    assert sum(map(len, (await runs_by_demand(session)).values())) == before
