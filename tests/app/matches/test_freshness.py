"""Whatever is committed is found by the very next match, in every process."""

from pathlib import Path
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from app.settings import Settings
from tests.app.demands.forms import take_step
from tests.app.matches import scenes
from tests.app.matches.scenes import another_process, names, scores
from tests.people import People

ADMISSION = ("submit", "begin-review", "recommend", "admit")
NEWCOMER: dict[str, Any] = {
    "name": "新人",
    "title": "研究员",
    "organization_name": "某研究所",
    "disciplines": ["540"],
    "research_directions": ["锦纶热黄变控制"],
    "region_code": "330782",
    "evidence": [{"kind": "patent", "title": "浅色锦纶袜防黄变定型方法"}],
}


def signed_in(app: FastAPI, client: AsyncClient) -> AsyncClient:
    """The same account at another process."""
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    return AsyncClient(
        transport=transport,
        base_url=client.base_url,
        headers=client.headers,
        event_hooks=client.event_hooks,
    )


async def test_the_life_of_an_expert_is_followed_by_every_process(
    people: People, session: AsyncSession, settings: Settings, service_database: URL
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    here = await people.coordinator()
    async with (
        another_process(settings, service_database) as other,
        signed_in(other, here) as there,
    ):

        async def best() -> list[dict[str, Any]]:
            runs = [await scenes.match(client, demand.id) for client in (here, there)]
            assert names(runs[0]) == names(runs[1])
            assert scores(runs[0]) == scores(runs[1])
            assert runs[0]["index_version"] == runs[1]["index_version"]
            found: list[dict[str, Any]] = runs[1]["matches"]
            return found

        assert (await best())[0]["expert"]["name"] == "染整"
        created = await here.post("/experts", json=NEWCOMER)
        path = f"/experts/{created.json()['id']}"
        for verb in ADMISSION:
            assert "新人" not in [m["expert"]["name"] for m in await best()]
            assert (await here.post(f"{path}:{verb}")).status_code == 200
        newcomer = next(m for m in await best() if m["expert"]["name"] == "新人")
        grades = {e["grade"] for e in newcomer["evidence"]}
        assert grades == {"self_stated"}
        item = created.json()["evidence"][0]["id"]
        graded = await there.post(f"{path}/evidence/{item}:grade", json={"grade": "verified"})
        assert graded.status_code == 200, graded.text
        newcomer = next(m for m in await best() if m["expert"]["name"] == "新人")
        assert {e["grade"] for e in newcomer["evidence"]} == {"self_stated", "verified"}
        change = {"research_directions": ["戏曲史"], "title": "戏曲学者"}
        assert (await there.patch(path, json=change)).status_code == 200
        assert (await there.delete(f"{path}/evidence/{item}")).status_code == 204
        newcomer = next(m for m in await best() if m["expert"]["name"] == "新人")
        assert (newcomer["terms"], newcomer["evidence"]) == ([], [])
        suspended = await here.post(f"{path}:suspend", json={"reason": "出国"})
        assert suspended.status_code == 200
        assert "新人" not in [m["expert"]["name"] for m in await best()]
        assert (await here.post(f"{path}:reinstate")).status_code == 200
        assert "新人" in [m["expert"]["name"] for m in await best()]


async def test_a_withdrawn_demand_leaves_the_index_and_what_is_not_committed_stays_out(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    expert = await scenes.expert(session, "甲", "锦纶染色")
    first = await scenes.demand(session, organization, title="锦纶一")
    first_id = first.id
    await scenes.demand(session, organization, title="锦纶二")
    staff, enterprise = await people.coordinator(), await people.enterprise(organization)
    path = f"/experts/{expert.id}/matching-demands"

    async def found() -> set[str]:
        return {item["demand"]["title"] for item in (await staff.get(path)).json()}

    assert await found() == {"锦纶一", "锦纶二"}
    first.state = DemandState.REFUSED
    await session.flush()
    assert await found() == {"锦纶一", "锦纶二"}
    await session.rollback()
    assert (await take_step(enterprise, first_id, "withdraw"))[0] == 200
    assert await found() == {"锦纶二"}


async def test_an_index_built_fresh_ranks_as_the_one_that_followed(
    people: People, session: AsyncSession, settings: Settings, service_database: URL, tmp_path: Path
) -> None:
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    here = await people.coordinator()
    await scenes.match(here, demand.id)
    for number in range(5):
        await scenes.expert(session, f"后来{number}", f"锦纶纺丝{number}；热黄变{number}")
        await scenes.match(here, demand.id)
    change = {"specialities": ["锦纶前处理"]}
    assert (await here.patch(f"/experts/{pool['电机'].id}", json=change)).status_code == 200
    answer = await here.post(f"/experts/{pool['茶叶'].id}:suspend", json={"reason": "x"})
    assert answer.status_code == 200
    followed = await scenes.match(here, demand.id)
    elsewhere = settings.model_copy(update={"var_folder": tmp_path})
    async with (
        another_process(elsewhere, service_database) as other,
        signed_in(other, here) as there,
    ):
        built = await scenes.match(there, demand.id)
    assert built["index_version"] == followed["index_version"]
    assert names(built) == names(followed)
    assert scores(built) == pytest.approx(scores(followed), abs=1e-6)
    for one, two in zip(built["matches"], followed["matches"], strict=True):
        assert one["evidence"] == [item | {"score": ANY} for item in two["evidence"]]


async def test_a_demand_has_the_new_name_of_its_enterprise(
    people: People, session: AsyncSession
) -> None:
    """It is in conflict with whoever works there by that name, no more by the one before."""
    enterprise = await people.organization("旧名厂")
    await scenes.demand(session, enterprise, title="锦纶染色")
    before, after = [
        await scenes.expert(session, name, "锦纶染色", organization_name=name)
        for name in ("旧名厂", "新名厂")
    ]
    staff = await people.coordinator()

    async def found(expert_id: UUID) -> int:
        return len((await staff.get(f"/experts/{expert_id}/matching-demands")).json())

    assert [await found(expert.id) for expert in (before, after)] == [0, 1]
    answer = await staff.patch(f"/organizations/{enterprise.id}", json={"name": "新名厂"})
    assert answer.status_code == 200, answer.text
    assert [await found(expert.id) for expert in (before, after)] == [1, 0]
