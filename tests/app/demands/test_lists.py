"""Lists of demands: filters, text, order and pages."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from tests.app.demands.forms import store
from tests.people import GUANGZHOU, JINHUA, YIWU, People


async def titles(client: AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/demands", params=query)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


FOUND: list[tuple[dict[str, Any], set[str]]] = [
    ({"state": "draft"}, {"茶园害虫"}),
    ({"technology_field": "modern_agriculture"}, {"茶园害虫"}),
    ({"industry_code": "C"}, {"锦纶黄变", "耐火材料"}),
    ({"industry_code": "30"}, {"耐火材料"}),
    ({"industry_code": "308"}, {"耐火材料"}),
    ({"discipline": "430"}, {"耐火材料"}),
    ({"region_code": "330700"}, {"锦纶黄变", "茶园害虫"}),
    ({"region_code": YIWU}, {"锦纶黄变"}),
    ({"is_open_bid": "true"}, {"耐火材料"}),
    ({"is_open_bid": "false"}, {"锦纶黄变", "茶园害虫"}),
    ({"text": "黄变"}, {"锦纶黄变"}),
    ({"text": "錦綸"}, {"锦纶黄变"}),
    ({"text": "绿色防控"}, {"茶园害虫"}),
    ({"text": "%"}, set()),
    ({"text": "' | 茶"}, {"茶园害虫"}),
    ({"created_at_gte": "2100-01-01T00:00:00Z"}, set()),
    ({"created_at_gte": "2000-01-01T00:00:00+08:00"}, {"锦纶黄变", "茶园害虫", "耐火材料"}),
    ({"state": "published", "text": "耐火", "is_open_bid": "true"}, {"耐火材料"}),
]


@pytest.fixture
async def administrator(people: People, session: AsyncSession) -> AsyncClient:
    organization = await people.organization()
    await store(session, organization, title="锦纶黄变", region_code=YIWU)
    await store(
        session,
        organization,
        title="茶园害虫",
        keywords=["绿色防控"],
        state=DemandState.DRAFT,
        technology_field="modern_agriculture",
        industry_code="A",
        public_summary="",
        region_code=JINHUA,
    )
    await store(
        session,
        organization,
        title="耐火材料",
        keywords=["窑炉"],
        industry_code="308",
        public_summary="",
        discipline="43045",
        is_open_bid=True,
        region_code=GUANGZHOU,
    )
    return await people.administrator()


async def test_filters(administrator: AsyncClient) -> None:
    for query, found in FOUND:
        assert set(await titles(administrator, **query)) == found, query


BAD: list[tuple[dict[str, Any], str]] = [
    ({"limit": 0}, "limit"),
    ({"limit": 201}, "limit"),
    ({"state": "lost"}, "state"),
    ({"text": ""}, "text"),
    ({"organization_id": "1"}, "organization_id"),
    ({"created_at_gte": "2026-01-01T00:00:00"}, "created_at_gte"),
    ({"created_at_gte": "yesterday"}, "created_at_gte"),
    ({"sort": "budget"}, "sort"),
    ({"sort": "problem"}, "sort"),
    ({"cursor": "AAAA"}, "cursor"),
    ({"budget": "1"}, "budget"),
]


async def test_bad_queries_name_the_parameter(people: People) -> None:
    administrator = await people.administrator()
    for query, pointer in BAD:
        answer = await administrator.get("/demands", params=query)
        assert answer.status_code == 422, query
        assert [e["pointer"] for e in answer.json()["errors"]] == [pointer], query


async def test_pages_are_complete_and_in_order(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    for number in range(7):
        await store(session, organization, title=f"需求{number % 3}")
    reader = await people.evaluator()
    for sort in ("created_at", "-created_at", "title", "-title"):
        await _walk(reader, sort)


async def _walk(reader: AsyncClient, sort: str) -> None:
    whole = (await reader.get("/demands", params={"sort": sort})).json()["items"]
    assert len(whole) == 7
    column = sort.removeprefix("-")
    keys = [(item[column], item["id"]) for item in whole]
    assert keys == sorted(keys, reverse=sort.startswith("-"))
    paged: list[dict[str, Any]] = []
    cursor: str | None = None
    while cursor is not None or not paged:
        query: dict[str, Any] = {"sort": sort, "limit": 3, "cursor": cursor}
        query = {name: value for name, value in query.items() if value is not None}
        page = (await reader.get("/demands", params=query)).json()
        paged += page["items"]
        cursor = page["next_cursor"]
    assert paged == whole


async def test_a_text_finds_the_summary_as_soon_as_it_is_changed(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    demand = await store(session, organization, state=DemandState.DRAFT)
    enterprise = await people.enterprise(organization)
    assert await titles(enterprise, text="色牢度") == []
    change = {"public_summary": "提高色牢度"}
    assert (await enterprise.patch(f"/demands/{demand.id}", json=change)).status_code == 200
    assert len(await titles(enterprise, text="色牢度")) == 1
