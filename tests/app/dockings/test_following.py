"""A demand goes where its dockings are, and what is not signed ends with its demand."""

from itertools import combinations
from typing import TypeAlias
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.demands.models import Demand, DemandState
from app.demands.workflow import PUBLIC, SOUGHT
from app.dockings.deadlines import Clock
from app.dockings.following import advance, end_with, state_following
from app.dockings.models import DockingState
from app.dockings.watching import watch
from app.settings import Settings
from tests.app.dockings.scenes import Scene, another, contacted, docked, recommended, taken
from tests.people import People

D: TypeAlias = DockingState
S: TypeAlias = DemandState


@pytest.mark.parametrize(
    ("dockings", "expected"),
    [
        ([], S.PUBLISHED),
        ([D.RECOMMENDED, D.INVITED, D.DECLINED], S.PUBLISHED),
        ([D.CONTACTED, D.FAILED], S.DOCKING),
        ([D.INTENT, D.SIGNED], S.SIGNED),
        ([D.IN_PROGRESS], S.SIGNED),
        ([D.ACCEPTED, D.CONTACTED], S.FOLLOW_UP),
        ([D.FOLLOWED_UP, D.EXPIRED], S.FOLLOW_UP),
    ],
)
def test_the_furthest_docking_decides(dockings: list[D], expected: S) -> None:
    for state in PUBLIC - {S.TRACKING}:
        assert state_following(state, dockings) is expected


def test_what_somebody_decided_stays() -> None:
    everything = [set(pair) for pair in combinations(D, 2)]
    for state in set(S) - PUBLIC:
        assert {state_following(state, dockings) for dockings in everything} == {state}
    assert state_following(S.TRACKING, [D.DECLINED]) is S.TRACKING
    assert state_following(S.TRACKING, [D.VISITED]) is S.DOCKING


async def state_of(app: FastAPI, client: AsyncClient, scene: Scene) -> str:
    """The demand's state once the job has run."""
    await advance(app.state.sessions, scene.demand.id)
    shown = await client.get(f"/demands/{scene.demand.id}")
    state: str = shown.json()["state"]
    return state


async def test_from_published_to_resolved_and_back(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    scene = await recommended(people, session)
    docking_id = await contacted(scene)
    assert await state_of(app, scene.staff, scene) == "docking"
    await taken(scene.staff, docking_id, "agree-intent", "sign")
    assert await state_of(app, scene.enterprise, scene) == "signed"
    demand = f"/demands/{scene.demand.id}"
    tracked = await scene.staff.post(f"{demand}:track", json={"reason": "暂无人能解决"})
    assert tracked.status_code == 409  # or experts were sought again
    assert (await scene.staff.post(f"{demand}:match")).status_code == 409
    await taken(scene.enterprise, docking_id, "begin", "accept-result")
    assert await state_of(app, scene.staff, scene) == "follow_up"
    assert (await (await people.coordinator("440100")).get(demand)).status_code == 200
    reason = {"reason": "黄变指数降到 1.2，达到要求"}
    assert (await scene.person.post(f"{demand}:resolve", json=reason)).status_code in (403, 404)
    resolved = await scene.enterprise.post(f"{demand}:resolve", json=reason)
    assert (resolved.status_code, resolved.json()["state"]) == (200, "resolved")
    assert (await (await people.coordinator("440100")).get(demand)).status_code == 404
    await end_with(app.state.sessions, scene.demand.id)
    shown = (await scene.staff.get(f"/dockings/{docking_id}")).json()
    assert shown["state"] == "accepted"  # what was signed goes on
    reopened = await scene.enterprise.post(f"{demand}:reopen", json={"reason": "又出现黄变"})
    assert reopened.json()["state"] == "published"
    # The result of before does not put it back: experts are sought again.
    assert await state_of(app, scene.staff, scene) == "published"
    await taken(scene.staff, docking_id, "follow-up")
    assert await state_of(app, scene.staff, scene) == "published"
    await contacted(await another(people, session, scene))
    assert await state_of(app, scene.staff, scene) == "docking"


@pytest.mark.parametrize(
    ("verb", "setback"), [("close", "demand_withdrawn"), ("resolve", "solved_elsewhere")]
)
async def test_what_is_not_signed_ends_with_its_demand(
    app: FastAPI, people: People, session: AsyncSession, verb: str, setback: str
) -> None:
    scene = await recommended(people, session)
    docking_id = await contacted(scene)
    await advance(app.state.sessions, scene.demand.id)
    reason = {"reason": "另行解决"}
    answer = await scene.staff.post(f"/demands/{scene.demand.id}:{verb}", json=reason)
    assert answer.status_code == 200, answer.text
    for _ in range(2):  # the job may come twice
        await end_with(app.state.sessions, scene.demand.id)
    shown = (await scene.enterprise.get(f"/dockings/{docking_id}")).json()
    assert (shown["state"], shown["setback"]) == ("failed", setback)
    assert await state_of(app, scene.staff, scene) == {"close": "closed"}.get(verb, "resolved")


async def test_what_was_open_at_the_closing_ends_though_the_demand_is_open_again(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """By the hourly job, where its own was lost; what began since goes on."""
    scene = await recommended(people, session)
    left = await contacted(scene)
    for verb in ("close", "reopen"):
        path = f"/demands/{scene.demand.id}:{verb}"
        assert (await scene.staff.post(path, json={"reason": "误操作"})).status_code == 200
    begun = await docked(await another(people, session, scene))
    settings = Settings(_env_file=None, secret_key="a secret of the tests, long enough")
    for _ in range(2):
        await watch(app.state.sessions, Clock.at(now(), settings))
    shown = [(await scene.staff.get(f"/dockings/{one}")).json() for one in (left, begun)]
    assert [(one["state"], one["setback"]) for one in shown] == [
        ("failed", "demand_withdrawn"),
        ("recommended", None),
    ]


async def test_experts_are_sought_as_long_as_nobody_has_signed(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    scene = await recommended(people, session)
    for state in DemandState:
        await session.execute(update(Demand).values(state=state))
        await session.commit()
        answer = await scene.staff.post(f"/demands/{scene.demand.id}:match", json={"limit": 1})
        assert (answer.status_code == 201) == (state in SOUGHT), state
        shown = (await scene.staff.get(f"/demands/{scene.demand.id}")).json()
        assert ("match" in shown["allowed_actions"]) == (state in SOUGHT), state
    assert UUID(shown["id"]) == scene.demand.id
