"""Collection campaigns over HTTP: within scope, last day and quota, then counted and published."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes.models import Change
from app.clock import get_moment, now, today
from app.demands.models import Demand, DemandState
from tests.app.demands.forms import store
from tests.people import GUANGZHOU, JINHUA, YIWU, People

BODY = {
    "batch": "2026年第四批",
    "title": "针织行业技术需求征集",
    "region_codes": [YIWU],
    "industry_codes": ["18"],
    "closes_on": today().isoformat(),
    "quota": 2,
}
IN_SCOPE: dict[str, Any] = {
    "state": DemandState.SUBMITTED,
    "industry_code": "18",
    "region_code": YIWU,
    "technology_field": "new_materials",
}


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator(JINHUA)


async def opened(staff: AsyncClient, **fields: Any) -> str:
    answer = await staff.post("/campaigns", json=BODY | fields)
    assert answer.status_code == 201, answer.text
    path = f"/campaigns/{answer.json()['id']}"
    assert (await staff.post(f"{path}:open")).status_code == 200
    return path


async def enter(client: AsyncClient, path: str, demand: Demand) -> tuple[int, set[str]]:
    answer = await client.post(f"{path}:enter", json={"demand_id": str(demand.id)})
    body = answer.json()
    codes = {fault["code"] for fault in body.get("errors", [])}
    return answer.status_code, codes or {body.get("code", body.get("state"))}


async def titles(client: AsyncClient, path: str) -> list[str]:
    answer = await client.get(f"{path}/demands", params={"sort": "created_at"})
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_from_draft_to_publication(
    client: AsyncClient, people: People, session: AsyncSession, staff: AsyncClient
) -> None:
    assert (await client.post("/campaigns", json=BODY)).status_code == 401
    own, other = await people.organization(), await people.organization()
    enterprise, reader = await people.enterprise(own), await people.enterprise(other)
    evaluator = await people.evaluator()
    assert (await enterprise.post("/campaigns", json=BODY)).status_code == 403
    outside = await staff.post("/campaigns", json=BODY | {"region_codes": [GUANGZHOU]})
    assert outside.json()["errors"][0]["code"] == "not_in_region"
    draft = (await staff.post("/campaigns", json=BODY)).json()
    path = f"/campaigns/{draft['id']}"
    assert draft["allowed_actions"] == ["update", "open"]
    assert (await enterprise.get(path)).status_code == 404
    assert (await enterprise.get("/campaigns")).json()["items"] == []
    mine = await store(session, own, title="浅色黄变", **IN_SCOPE)
    theirs = await store(session, other, title="染色牢度", **IN_SCOPE)
    assert (await enter(enterprise, path, mine))[0] == 404
    assert (await staff.post(f"{path}:open")).json()["state"] == "open"
    shown = (await enterprise.get(path)).json()
    assert (shown["is_accepting"], shown["allowed_actions"]) == (True, ["enter", "take-out"])

    assert await enter(enterprise, path, mine) == (200, {"open"})
    assert await enter(enterprise, path, mine) == (409, {"entered_already"})
    assert await enter(enterprise, path, theirs) == (422, {"unknown"})
    assert await enter(evaluator, path, theirs) == (422, {"unknown"})
    assert await enter(staff, path, theirs) == (200, {"open"})
    assert await titles(staff, path) == ["浅色黄变", "染色牢度"]
    assert (await titles(enterprise, path), await titles(evaluator, path)) == (["浅色黄变"], [])

    assert (await enterprise.post(f"{path}:close")).status_code == 403
    assert (await staff.post(f"{path}:close")).json()["is_accepting"] is False
    refused = await enterprise.post(f"{path}:take-out", json={"demand_id": str(mine.id)})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert (await staff.post(f"{path}:publish")).json()["code"] == "wrong_state"
    assert (await staff.post(f"{path}:consolidate")).json()["allowed_actions"] == ["publish"]
    counts = (await staff.get(f"{path}/counts")).json()
    assert counts == {
        "total": 2,
        "by_technology_field": [{"code": "new_materials", "count": 2}],
        "by_region": [{"code": YIWU, "count": 2}],
        "by_state": [{"code": "submitted", "count": 2}],
    }
    assert (await (await people.coordinator(GUANGZHOU)).get(f"{path}/counts")).status_code == 403
    assert (await staff.patch(path, json={"quota": 3})).json()["code"] == "wrong_state"

    published = update(Demand).where(Demand.id == mine.id)
    await session.execute(published.values(state="published", public_summary="浅色锦纶黄变"))
    await session.commit()
    assert (await staff.post(f"{path}:publish")).json()["published_at"] is not None
    assert await titles(staff, path) == ["浅色黄变", "染色牢度"]
    assert await titles(reader, path) == ["浅色黄变", "染色牢度"]  # one's own, published or not
    for anybody in (enterprise, evaluator, await people.expert()):
        [item] = (await anybody.get(f"{path}/demands")).json()["items"]
        assert (item["demand_id"], item["public_summary"]) == (str(mine.id), "浅色锦纶黄变")
        assert (item["organization_name"] is None) is (anybody is not enterprise)
    assert (await reader.get(f"/demands/{mine.id}")).status_code == 404
    kinds = select(Change.kind).where(Change.kind.startswith("campaign.")).order_by(Change.id)
    assert list(await session.scalars(kinds)) == [
        *("campaign.created", "campaign.open", "campaign.entered", "campaign.entered"),
        *("campaign.closed", "campaign.consolidated", "campaign.published"),
    ]


async def test_each_refusal_says_why(
    people: People, session: AsyncSession, staff: AsyncClient
) -> None:
    own = await people.organization()
    enterprise = await people.enterprise(own)
    path = await opened(staff, technology_fields=["new_materials"], quota=1)
    draft = await store(session, own, **IN_SCOPE | {"state": DemandState.DRAFT})
    assert await enter(enterprise, path, draft) == (409, {"wrong_state"})
    answer = await enterprise.post(f"{path}:enter", json={"demand_id": str(draft.id)})
    assert answer.json()["detail"].endswith("；该需求的状态：draft")
    elsewhere = {"region_code": JINHUA, "industry_code": None, "technology_field": None}
    nothing_fits = await store(session, own, **IN_SCOPE | elsewhere | {"state": DemandState.DRAFT})
    out_of_scope = {"region_out_of_scope", "industry_out_of_scope", "field_out_of_scope"}
    assert await enter(enterprise, path, nothing_fits) == (409, {"wrong_state"} | out_of_scope)
    outside = await store(session, own, **IN_SCOPE | elsewhere)
    assert await enter(enterprise, path, outside) == (409, out_of_scope)
    part, late = [await store(session, own, **IN_SCOPE | {"industry_code": "181"}) for _ in "12"]
    assert await enter(enterprise, path, part) == (200, {"open"})
    assert await enter(enterprise, path, late) == (409, {"quota_reached"})
    assert await enter(enterprise, path, part) == (409, {"entered_already"})  # by the last place
    stays = {"demand_id": str(part.id)}
    assert (await enterprise.post(f"{path}:take-out", json=stays)).status_code == 200
    again = await enterprise.post(f"{path}:take-out", json=stays)
    assert again.json()["errors"][0]["code"] == "not_entered"
    yesterday = (today() - timedelta(days=1)).isoformat()
    ended = await staff.patch(path, json={"closes_on": yesterday})
    assert (ended.json()["state"], ended.json()["is_accepting"]) == ("open", False)
    assert "enter" not in (await enterprise.get(path)).json()["allowed_actions"]
    assert await enter(enterprise, path, late) == (409, {"deadline_passed"})
    assert (await staff.patch(path, json={"closes_on": None})).status_code == 422
    await staff.post(f"{path}:close")
    assert await enter(enterprise, path, late) == (409, {"wrong_state"})
    await staff.patch(path, json={"closes_on": today().isoformat(), "quota": None})
    await staff.post(f"{path}:reopen")
    assert await enter(enterprise, path, late) == (200, {"open"})


async def test_what_is_over_already_is_not_opened(app: FastAPI, staff: AsyncClient) -> None:
    draft = (await staff.post("/campaigns", json=BODY)).json()
    path = f"/campaigns/{draft['id']}"
    app.dependency_overrides[get_moment] = lambda: now() + timedelta(days=1)
    refused = await staff.post(f"{path}:open")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/closes_on")
    assert BODY["closes_on"] in refused.json()["detail"]
    assert (await staff.get(path)).json()["state"] == "draft"
    tomorrow = (today() + timedelta(days=1)).isoformat()
    assert (await staff.patch(path, json={"closes_on": tomorrow})).status_code == 200
    assert (await staff.post(f"{path}:open")).json()["state"] == "open"
