"""Of whoever is erased no run tells anything, however the two meet."""

import asyncio
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.models import Account, Role
from app.demands.models import Demand
from app.experts.models import Evidence, Expert
from app.matches.models import Match, MatchRun
from tests.app.matches import scenes
from tests.locks import Locks
from tests.people import YIWU, People

KEY = {"Idempotency-Key": "k1"}
EXCLUDED = "王某某已离职，电话 138"


class Scene(NamedTuple):
    """Who matches, who erases, a demand, and two whom an erasure may be of."""

    account: Account
    staff: AsyncClient
    other: AsyncClient
    demand_id: UUID
    candidate_id: UUID
    excluded_id: UUID

    async def match(self) -> dict[str, Any]:
        excluded = [{"expert_id": str(self.excluded_id), "reason": EXCLUDED}]
        path = f"/demands/{self.demand_id}:match"
        answer = await self.staff.post(path, json={"excluded": excluded}, headers=KEY)
        assert answer.status_code == 201, answer.text
        run: dict[str, Any] = answer.json()
        return run

    async def erase(self, expert_id: UUID) -> None:
        answer = await self.other.post(f"/experts/{expert_id}:erase")
        assert answer.status_code == 204, answer.text


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    staff, pool = await people.client(account), await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    await staff.post("/matches:preview", json={"title": "茶"})  # the index knows them all
    return Scene(
        account=account,
        staff=staff,
        other=await people.coordinator(),
        demand_id=demand.id,
        candidate_id=pool["染整"].id,
        excluded_id=pool["茶叶"].id,
    )


async def told(session: AsyncSession, scene: Scene) -> list[Any]:
    """What is stored of the two besides where they stood."""
    await session.rollback()
    of_candidate = select(Match.terms, Match.evidence).where(Match.expert_id == scene.candidate_id)
    found = [word for row in await session.execute(of_candidate) for words in row for word in words]
    for parameters, exclusions in await session.execute(
        select(MatchRun.parameters, MatchRun.exclusions)
    ):
        found += [item["reason"] for item in parameters["excluded"] if item["reason"] != "-"]
        found += [item["detail"] for item in exclusions if item["detail"]]
    return found


async def test_an_erasure_waits_for_a_match_and_empties_it(
    scene: Scene, session: AsyncSession, locks: Locks
) -> None:
    """The match has read who they are, and waits for its coordinator's account."""
    held = select(Account).where(Account.id == scene.account.id).with_for_update()
    await session.execute(held)
    running = asyncio.create_task(scene.match())
    await locks.wait(1)
    erasing = [
        asyncio.create_task(scene.erase(expert_id))
        for expert_id in (scene.candidate_id, scene.excluded_id)
    ]
    await locks.wait(3)
    await session.rollback()
    assert "染整" in scenes.names(await running)
    await asyncio.gather(*erasing)
    assert await told(session, scene) == []
    assert "染整" not in scenes.names(await scene.match()), "the kept answer is gone"


async def test_a_match_waits_for_an_erasure_and_leaves_the_person_out(
    scene: Scene, session: AsyncSession, locks: Locks
) -> None:
    """The index still has whom it has ranked; their record is emptied already."""
    for expert_id in (scene.candidate_id, scene.excluded_id):
        held = select(Evidence).where(Evidence.expert_id == expert_id).with_for_update()
        await session.execute(held)
    erasing = [
        asyncio.create_task(scene.erase(expert_id))
        for expert_id in (scene.candidate_id, scene.excluded_id)
    ]
    await locks.wait(2)
    running = asyncio.create_task(scene.match())
    await locks.wait(3)
    await session.rollback()
    await asyncio.gather(*erasing)
    run = await running
    assert sorted(scenes.names(run)) == ["电机", "耐火"]
    assert (run["exclusions"], run["parameters"]["excluded"][0]["reason"]) == ([], "-")
    assert await told(session, scene) == []


async def test_a_reason_against_somebody_erased_is_not_kept(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.erase(scene.excluded_id)
    run = await scene.match()
    assert run["parameters"]["excluded"] == [{"expert_id": str(scene.excluded_id), "reason": "-"}]
    assert EXCLUDED not in await told(session, scene)


async def test_people_are_held_in_order_and_before_the_demand(
    people: People, session: AsyncSession, locks: Locks
) -> None:
    """As whoever locks several does, and as an erasure comes to the demand that names them."""
    ids = sorted(uuid7() for _ in range(3))
    for number, expert_id in enumerate(reversed(ids)):  # as they lie in the table
        await scenes.expert(session, f"甲{number}", "锦纶染色", id=expert_id)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    lowest, highest = (select(Expert.id).where(Expert.id == i) for i in (ids[0], ids[-1]))
    await session.execute(lowest.with_for_update())
    running = asyncio.create_task(scenes.match(staff, demand.id))
    await locks.wait(1)
    await session.execute(highest.with_for_update(nowait=True))
    of_demand = select(Demand.id).where(Demand.id == demand.id)
    await session.execute(of_demand.with_for_update(nowait=True))
    await session.rollback()
    assert len((await running)["matches"]) == 3


async def test_many_matches_at_once_do_not_wait_for_each_other(
    scene: Scene, session: AsyncSession, locks: Locks
) -> None:
    """While one of them is held up, others of the same people and demand go through."""
    held = select(Account).where(Account.id == scene.account.id).with_for_update()
    await session.execute(held)
    running = asyncio.create_task(scene.match())
    await locks.wait(1)
    async with asyncio.timeout(10):
        found = await asyncio.gather(
            *(scenes.match(scene.other, scene.demand_id) for _ in range(5))
        )
    assert {len(run["matches"]) for run in found} == {4}
    await session.rollback()
    assert len((await running)["matches"]) == 3
