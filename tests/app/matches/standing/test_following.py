"""Only what a change concerns is matched again, once, and kept only if it is news."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes import operations as changes
from app.clock import today
from app.demands.models import Demand
from app.demands.workflow import SOUGHT
from app.experts.models import Expert, ExpertState
from app.jobs import queue
from app.matches.models import Pool, StandingMatch, StandingSubject, StandingWork, Trigger
from app.matches.standing import following, holding
from app.matches.standing.asked import AskedDemands
from app.matches.standing.calendar import follow_calendar
from app.matches.standing.differences import Listing, Place, is_news
from app.matches.standing.rerunning import Policy, rerun
from app.organizations.models import OrganizationState
from app.scopes import Scope, within
from app.settings import Settings
from matching import Limits
from tests.app.matches import scenes
from tests.app.matches.standing.following import (
    Follower,
    follower,
    matched_in_full,
    runs_by_demand,
    standing,
)
from tests.locks import Locks
from tests.people import GUANGZHOU, People

REGISTERED = OrganizationState.REGISTERED
DYEING: dict[str, Any] = {"title": "锦纶染色热黄变控制", "problem": "超细旦锦纶针织物"}
TEA: dict[str, Any] = {"title": "茶园害虫绿色防控", "problem": "茶叶加工"}


async def told(session: AsyncSession, record: Expert | Demand, kind: str) -> None:
    await changes.append(session, kind, record.id)
    await session.commit()


async def checks(session: AsyncSession) -> dict[Any, Any]:
    """When each demand was matched last."""
    rows = await session.execute(select(StandingMatch.demand_id, StandingMatch.checked_at))
    found = {row[0]: row[1] for row in rows}
    await session.commit()
    return found


async def waiting(session: AsyncSession) -> int:
    found = await session.scalar(select(func.count()).select_from(StandingWork))
    await session.commit()
    return found or 0


async def test_a_change_reaches_the_demands_that_it_concerns(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    experts = await scenes.pool(session)
    organization, staff = await people.organization(), await people.coordinator()
    dyeing = await scenes.demand(session, organization, **DYEING)
    tea = await scenes.demand(session, organization, **TEA)
    for demand in (dyeing, tea):
        await scenes.match(staff, demand.id, limit=1)
    job = await follower(app)
    assert await standing(session) == {
        dyeing.id: [experts["染整"].id],
        tea.id: [experts["茶叶"].id],
    }
    runs = await runs_by_demand(session)
    assert {len(of) for of in runs.values()} == {1}, "what was by hand is still true"

    before = await checks(session)
    experts["电机"].title = "研究员"
    await told(session, experts["电机"], "expert.updated")
    await job.follow()
    assert await checks(session) == before, "nobody's list has the motors"

    best = await scenes.expert(session, "新人", "锦纶染色；热黄变控制；超细旦锦纶针织物；黄变")
    await job.follow()
    after = await checks(session)
    assert after[dyeing.id] > before[dyeing.id]
    assert after[tea.id] == before[tea.id]
    run = (await runs_by_demand(session))[dyeing.id][-1]
    assert (run.trigger, run.account_id) == (Trigger.EXPERTS_CHANGED, None)
    assert run.parameters["limit"] == 1, "as it was asked for by hand"
    assert (await standing(session))[dyeing.id] == [best.id]

    await scenes.move(session, tea, tea.state.WITHDRAWN)
    account = await people.account(Role.EXPERT)
    best.account_id = account.id
    membership = await people.join(account, organization)
    await changes.append(session, "membership.approved", membership)
    await session.commit()
    await job.follow()
    assert await standing(session) == {dyeing.id: [experts["染整"].id]}, "no expert for one's own"
    assert await waiting(session) == 0


async def test_wherever_experts_are_sought_who_comes_is_found_and_told(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    organization, staff = await people.organization(), await people.coordinator()
    ids = {
        (await scenes.demand(session, organization, state=state, **DYEING)).id for state in SOUGHT
    }
    job = await follower(app)
    best = await scenes.expert(session, "新人", "锦纶染色；热黄变控制；超细旦锦纶针织物；黄变")
    await job.follow()
    found = await standing(session)
    assert {demand_id for demand_id in found if best.id in found[demand_id]} == ids
    told_since = {"created_at_gte": "2026-01-01T00:00:00Z"}
    items = (await staff.get("/match-digest", params=told_since)).json()["items"]
    assert {item["demand"]["id"] for item in items} == {str(demand_id) for demand_id in ids}


async def test_what_is_no_news_is_only_noted(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    experts = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization(), **DYEING)
    job = await follower(app)
    first = (await runs_by_demand(session))[demand.id]
    assert [run.trigger for run in first] == [Trigger.SCHEDULE], "from before there was a follower"
    before = await checks(session)
    experts["染整"].introduction = "锦纶"
    await told(session, experts["染整"], "expert.updated")
    await job.follow(Policy(ranks=2, score=100, limits=Limits()))
    assert (await checks(session))[demand.id] > before[demand.id]
    assert len((await runs_by_demand(session))[demand.id]) == 1
    before = await checks(session)
    experts["电机"].title = "研究员"
    with monkeypatch.context() as few:
        few.setattr(holding, "MOST_HELD", 0)
        await told(session, experts["电机"], "expert.updated")
        await job.follow(Policy(ranks=2, score=100, limits=Limits()))
    assert (await checks(session))[demand.id] > before[demand.id], "for too many experts"
    assert await waiting(session) == 0
    demand.keywords = []
    await told(session, demand, "demand.updated")
    await job.follow(Policy(ranks=2, score=0, limits=Limits()))
    runs = (await runs_by_demand(session))[demand.id]
    assert [run.trigger for run in runs[1:]] == [Trigger.DEMAND_CHANGED]
    assert runs[1].previous_id == runs[0].id


async def test_a_job_that_is_killed_loses_nothing_and_does_nothing_twice(
    app: FastAPI, people: People, session: AsyncSession, locks: Locks
) -> None:
    await scenes.pool(session)
    job = await follower(app)
    organization = await people.organization()
    published = [await scenes.demand(session, organization, **DYEING) for _ in range(3)]
    last = max(demand.id for demand in published)
    await session.execute(text("SELECT FROM demands WHERE id = :id FOR UPDATE"), {"id": last})
    running = asyncio.create_task(job.follow())
    await locks.wait(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await session.rollback()
    assert await waiting(session) == 1, "two are done, and the changes were read"
    found = {demand_id: len(of) for demand_id, of in (await runs_by_demand(session)).items()}
    assert sorted(found.values()) == [1, 1]
    assert last not in found
    # Another worker, which has nothing in memory.
    again = await follower(app)
    runs = await runs_by_demand(session)
    assert {demand_id: len(of) for demand_id, of in runs.items()} == dict.fromkeys(runs, 1)
    triggers = {run.trigger for of in runs.values() for run in of}
    assert triggers == {Trigger.DEMAND_PUBLISHED}
    await again.follow()
    assert await waiting(session) == 0
    for demand_id, places in (await standing(session)).items():
        assert places == await matched_in_full(app, demand_id, 20)


async def test_a_demand_that_cannot_be_matched_stops_no_other(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scenes.pool(session)
    job, organization = await follower(app), await people.organization()
    first, second = [await scenes.demand(session, organization, **DYEING) for _ in range(2)]

    async def failing(session: AsyncSession, matcher: Any, demand_id: Any, policy: Policy) -> None:
        if demand_id == first.id:
            raise ValueError
        await rerun(session, matcher, demand_id, policy)

    monkeypatch.setattr(following, "rerun", failing)
    await job.follow()
    assert (await standing(session)).keys() == {second.id}
    assert await waiting(session) == 1


async def test_the_calendar_lets_wait_whom_the_day_makes_a_difference_to(
    app: FastAPI, session: AsyncSession
) -> None:
    tomorrow = today() + timedelta(days=1)
    days = {
        "走": (tomorrow, tomorrow + timedelta(days=3)),
        "回": (today() - timedelta(days=3), today()),
        "留": (today() - timedelta(days=3), today() + timedelta(days=3)),
    }
    experts = {}
    for name, (first, until) in days.items():
        absences = [{"from_on": str(first), "until_on": str(until)}]
        experts[name] = await scenes.expert(session, name, "茶叶", absences=absences)
    index = await app.state.matcher.indexes[Pool.EXPERTS].refresh()
    async with within(app.state.sessions, Scope.SERVICE).begin() as own:
        await follow_calendar(own, index, tomorrow, Limits())
        await follow_calendar(own, index, tomorrow, Limits())
    found = {(one.subject, one.subject_id) for one in await session.scalars(select(StandingWork))}
    assert found == {(StandingSubject.EXPERT, experts[name].id) for name in ("走", "回")}
    # With the year the capacity is new of whom somebody has invited.
    await scenes.invitation(session, experts["走"])
    index = await app.state.matcher.indexes[Pool.EXPERTS].refresh()
    async with within(app.state.sessions, Scope.SERVICE).begin() as own:
        await own.execute(delete(StandingWork))
        await follow_calendar(own, index, date(today().year + 1, 1, 1), Limits(capacity=1))
    assert experts["走"].id in (await session.scalars(select(StandingWork.subject_id))).all()


def test_moves_are_news_beyond_the_thresholds() -> None:
    def listing(*scores: float) -> Listing:
        return Listing(
            places={ids[n]: Place(rank=r, score=s) for r, (n, s) in enumerate(numbered(scores), 1)}
        )

    def numbered(scores: tuple[float, ...]) -> list[tuple[int, float]]:
        return sorted(enumerate(scores), key=lambda pair: -pair[1])

    ids = [Demand().id for _ in range(4)]
    before = listing(4, 3, 2)
    for after, ranks, score, expected in (
        (before, 0, 0.0, False),
        (listing(4, 3, 2, 1), 9, 9.0, True),  # somebody entered
        (listing(4, 3), 9, 9.0, True),  # somebody left
        (listing(3.5, 3.6, 2), 0, 9.0, True),  # two have changed places
        (listing(3.5, 3.6, 2), 1, 9.0, False),
        (listing(4.1, 3, 2), 9, 0.05, True),
        (listing(4.04, 3, 2), 9, 0.05, False),
    ):
        assert is_news(before, after, ranks=ranks, score=score) is expected
    elsewhere = replace(listing(9, 8, 7), statistics=("another", "lsa", 0))
    assert not is_news(before, elsewhere, ranks=0, score=0.05), "other scores, the same order"


async def test_experts_who_leave_leave_the_list(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    experts = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization(), **DYEING)
    job: Follower = await follower(app)
    experts["染整"].state = ExpertState.SUSPENDED
    await told(session, experts["染整"], "expert.suspended")
    experts["耐火"].yearly_capacity = 0
    await told(session, experts["耐火"], "expert.updated")
    await job.follow()
    staff = await people.coordinator()
    run = (await runs_by_demand(session))[demand.id][-1]
    difference = (await staff.get(f"/match-runs/{run.id}/difference")).json()
    left = {move["expert_id"]: (move["why"], move["constraint"]) for move in difference["left"]}
    assert left == {
        str(experts["染整"].id): ("expert_left", ""),
        str(experts["耐火"].id): ("constraint", "no_capacity"),
    }
    assert {move["why"] for move in difference["moved"]} == {"others"}
    assert difference["entered"] == []


async def test_what_somebody_may_read_is_asked_of_the_pool_in_their_name(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """An organization that they named by its id is known by its name as far as they know it."""
    await scenes.pool(session)
    known = await people.organization("已知大学")
    hidden = await people.organization("别处大学", region_code=GUANGZHOU, state=REGISTERED)
    experts = [
        await scenes.expert(session, name, "锦纶染色；热黄变控制", organization_name=name)
        for name in ("已知大学", "别处大学")
    ]
    demand = await scenes.demand(session, await people.organization(), **DYEING)
    named = [str(known.id), str(hidden.id)]
    run = await scenes.match(
        await people.coordinator(), demand.id, conflicting_organization_ids=named
    )
    job = await follower(app)
    await told(session, demand, "demand.updated")
    experts[0].title = experts[1].title = "研究员"
    for expert in experts:
        await told(session, expert, "expert.updated")
    await job.follow()
    stands = (await standing(session))[demand.id]
    assert {str(one) for one in stands} == {m["expert"]["id"] for m in run["matches"]}
    assert experts[0].id not in stands
    assert experts[1].id in stands
    again = (await runs_by_demand(session))[demand.id][-1]
    assert {one["expert_id"]: one["reason"] for one in again.exclusions} == {
        str(experts[0].id): "organization_conflict"
    }


async def test_the_jobs_do_this_in_a_worker(
    app: FastAPI, people: People, session: AsyncSession, settings: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization(), **DYEING)
    job = Follower(app, AskedDemands())
    for name in ("rematch", "rematch_by_calendar"):
        await queue.tasks[name].defer_async(timestamp=0)
    context = {"matching": job.work, "settings": settings, "sessions": app.state.sessions}
    await queue.run_worker_async(
        wait=False,
        listen_notify=False,
        install_signal_handlers=False,
        additional_context=context,
    )
    ended = "SELECT task_name FROM procrastinate_jobs WHERE status = 'succeeded'"
    assert {"rematch", "rematch_by_calendar"} <= {*await session.scalars(text(ended))}
    assert (await standing(session))[demand.id] == await matched_in_full(app, demand.id, 20)
