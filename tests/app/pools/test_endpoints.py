"""Special pools over HTTP: a query by versions, decisions by hand, consent of who is overseas."""

from dataclasses import dataclass
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes.models import Change
from app.experts.consents import TEXT_VERSION
from app.experts.models import Expert, ExpertKind
from tests.app.matches import scenes
from tests.people import GUANGZHOU, JINHUA, People

TEXTILES = {"of": "experts", "discipline": "540"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Textiles: one at home, one overseas. Another field: one of Guangzhou."""

    home: Expert
    abroad: Expert
    other: Expert
    staff: AsyncClient
    elsewhere: AsyncClient

    async def pool(self, **fields: Any) -> str:
        body = {"kind": "scarce_talent", "name": "针织紧缺人才库", "query": TEXTILES} | fields
        answer = await self.staff.post("/pools", json=body)
        assert answer.status_code == 201, answer.text
        return f"/pools/{answer.json()['id']}"


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    overseas: dict[str, Any] = {"kind": ExpertKind.OVERSEAS_TALENT, "country": "DE"}
    other: dict[str, Any] = {"disciplines": ["430"], "region_code": GUANGZHOU}
    return Scene(
        home=await scenes.expert(session, "林若溪", "锦纶染色"),
        abroad=await scenes.expert(session, "周远", "针织装备", region_code=GUANGZHOU, **overseas),
        other=await scenes.expert(session, "许嘉树", "耐火材料", **other),
        staff=await people.coordinator(),
        elsewhere=await people.coordinator(GUANGZHOU),
    )


async def done(client: AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body or None)
    assert answer.status_code == 200, answer.text
    pool: dict[str, Any] = answer.json()
    return pool


async def refused(client: AsyncClient, path: str, **body: Any) -> tuple[int, str]:
    problem = (await client.post(path, json=body or None)).json()
    errors = problem["errors"]
    return problem["status"], errors[0]["code"] if errors else problem["code"]


async def members(client: AsyncClient, path: str, **query: str) -> list[tuple[str, str, str]]:
    answer = await client.get(f"{path}/members", params=query)
    assert answer.status_code == 200, answer.text
    return sorted(
        ((m["expert"] or m["achievement"])["name"], m["origin"], m["reason"])
        for m in answer.json()["items"]
    )


async def test_from_draft_to_removal(people: People, session: AsyncSession, scene: Scene) -> None:
    body = {"kind": "scarce_talent", "name": "某库", "query": TEXTILES}
    for caller in (await people.enterprise(), await people.expert(), await people.evaluator()):
        assert (await caller.post("/pools", json=body)).status_code == 403
        assert (await caller.get("/pools")).status_code == 403
    path = await scene.pool()
    shown = (await scene.staff.get(path)).json()
    assert (shown["state"], shown["region_code"], shown["query"]["discipline"]) == (
        *("draft", "330782"),
        "540",
    )
    elsewhere = await scene.staff.post("/pools", json=body | {"region_code": GUANGZHOU})
    assert elsewhere.status_code == 403
    assert (await scene.elsewhere.get(path)).status_code == 404
    assert (await scene.elsewhere.get("/pools")).json()["items"] == []
    above = await people.coordinator(JINHUA)
    assert (await above.get(path)).status_code == 200

    assert await refused(scene.staff, f"{path}:approve") == (409, "wrong_state")
    assert (await done(scene.staff, f"{path}:submit"))["allowed_actions"] == [
        *("return", "approve", "remove"),
    ]
    frozen = await scene.staff.patch(path, json={"name": "改名"})
    assert (frozen.status_code, frozen.json()["code"]) == (409, "wrong_state")
    assert (await done(above, f"{path}:return", reason="说明不足"))["state_reason"] == "说明不足"
    changed = await scene.staff.patch(path, json={"description": "面向全市", "country": "CN"})
    assert (changed.json()["description"], changed.json()["version"]) == ("面向全市", 4)
    of_people = await scene.staff.patch(path, json={"readiness": "pilot"})
    assert of_people.json()["errors"][0]["code"] == "not_of_people"
    for verb, state in (("submit", "submitted"), ("approve", "in_use")):
        assert (await done(scene.staff, f"{path}:{verb}"))["state"] == state
    assert (await scene.elsewhere.get(path)).json()["allowed_actions"] == []
    assert len((await scene.elsewhere.get("/pools?state=in_use")).json()["items"]) == 1
    assert await refused(scene.elsewhere, f"{path}:suspend", reason="-") == (403, "forbidden")
    await done(scene.staff, f"{path}:suspend", reason="年度清理")
    assert (await scene.elsewhere.get(f"{path}/members")).status_code == 404
    await done(scene.staff, f"{path}:reinstate")
    assert (await done(scene.staff, f"{path}:remove", reason="已合并"))["allowed_actions"] == []
    kinds = select(Change.kind).where(Change.kind.startswith("pool.")).order_by(Change.id)
    assert list(await session.scalars(kinds)) == [
        *("pool.created", "pool.submitted", "pool.draft", "pool.updated", "pool.submitted"),
        *("pool.in_use", "pool.suspended", "pool.in_use", "pool.removed"),
    ]


async def test_members_are_the_querys_and_those_by_hand(
    session: AsyncSession, scene: Scene
) -> None:
    """Who is overseas comes with their consent alone, also for staff who may not read it."""
    path = await scene.pool()
    home, abroad, other = (str(e.id) for e in (scene.home, scene.abroad, scene.other))
    assert await members(scene.staff, path) == [("林若溪", "found", "")]
    assert await members(scene.staff, path, origin="without_consent") == [
        ("周远", "without_consent", "")
    ]
    shown = (await scene.staff.get(path)).json()
    assert (shown["member_count"], shown["without_consent_count"]) == (1, 1)
    add, exclude = f"{path}:add-member", f"{path}:exclude-member"
    assert await refused(scene.elsewhere, add, member_id=other, reason="-") == (404, "not_found")
    told = {"member_id": abroad, "reason": "企业推荐"}
    assert await refused(scene.staff, add, **told) == (409, "no_consent")
    nobody = path.removeprefix("/pools/")
    assert await refused(scene.staff, add, member_id=nobody, reason="-") == (409, "not_in_pool")
    consent = {"purpose": "matching", "is_given": True, "text_version": TEXT_VERSION}
    answer = await scene.elsewhere.post(f"/experts/{abroad}:declare-consent", json=consent)
    assert answer.status_code in (200, 201), answer.text
    assert (await done(scene.staff, add, **told))["without_consent_count"] == 0
    await done(scene.staff, add, member_id=other, reason="特聘")
    after = await done(scene.staff, exclude, member_id=home, reason="已退出该领域")
    assert (after["member_count"], after["version"] > shown["version"]) == (2, True)
    assert await members(scene.staff, path) == [
        ("周远", "added", "企业推荐"),
        ("许嘉树", "added", "特聘"),
    ]
    assert await members(scene.staff, path, origin="excluded") == [
        ("林若溪", "excluded", "已退出该领域")
    ]
    first = (await scene.staff.get(f"{path}/members?limit=1&count=exact")).json()
    assert (len(first["items"]), first["total"]) == (1, 2)
    await done(scene.staff, f"{path}:release-member", member_id=home)
    assert await refused(scene.staff, f"{path}:release-member", member_id=home) == (
        *(409, "not_decided"),
    )
    assert await members(scene.staff, path, origin="found") == [("林若溪", "found", "")]

    export = await scene.elsewhere.get(f"/experts/{other}/personal-data")
    sections = {section["name"] for section in export.json()["sections"]}
    assert "evidence" in sections
    assert "pool_members" not in sections  # the draft of another region
    erased = await scene.elsewhere.post(f"/experts/{other}:erase")
    assert erased.status_code in (200, 204), erased.text
    withdrawn = consent | {"is_given": False}
    await scene.elsewhere.post(f"/experts/{abroad}:declare-consent", json=withdrawn)
    assert await members(scene.staff, path) == [("林若溪", "found", "")]


async def test_a_query_has_versions(scene: Scene) -> None:
    path = await scene.pool(query={"of": "experts"})
    assert await members(scene.staff, path) == []
    revise, wider = f"{path}:revise-query", {"of": "experts", "region_code": GUANGZHOU}
    asked = {"query": wider | {"discipline": "430"}, "reason": "增加耐火材料"}
    revised = await done(scene.staff, revise, **asked)
    assert (revised["query_number"], revised["member_count"]) == (2, 1)
    assert (await done(scene.staff, revise, **asked))["query_number"] == 2
    for query, code in (
        ({"of": "experts", "discipline": "999"}, "unknown_code"),
        ({"of": "experts", "state": "draft"}, "extra_forbidden"),
        ({"of": "achievements"}, "wrong_subject"),
    ):
        assert (await refused(scene.staff, revise, query=query, reason="-"))[0] == 422, code
    listed = (await scene.staff.get(f"{path}/queries")).json()["items"]
    assert [(v["number"], v["query"]["discipline"], v["reason"]) for v in listed] == [
        (2, "430", "增加耐火材料"),
        (1, None, ""),
    ]
    assert listed[0]["account_id"] is not None


async def test_a_query_that_names_no_subject_is_told_which_there_are(scene: Scene) -> None:
    body = {"kind": "scarce_talent", "name": "紧缺人才库", "query": {"text": "锦纶"}}
    [error] = (await scene.staff.post("/pools", json=body)).json()["errors"]
    assert (error["pointer"], error["code"]) == ("/query", "union_tag_not_found")
    assert error["detail"] == "缺少 'of'，可选值：'experts'、'achievements'"


async def test_a_pool_of_projects_asks_for_achievements(
    session: AsyncSession, scene: Scene
) -> None:
    project = {"kind": "overseas_projects", "readiness": "pilot", "country": "DE"}
    body = project | {"name": "海外项目库", "query": TEXTILES}
    assert (await refused(scene.staff, "/pools", **body)) == (422, "wrong_subject")
    await scenes.achievement(session, "抗黄变前处理工艺", "锦纶")
    added = await scenes.achievement(session, "永磁电机", "伺服驱动")
    path = await scene.pool(**body | {"query": {"of": "achievements", "text": "黄变"}})
    assert await refused(
        scene.staff, f"{path}:add-member", member_id=str(scene.home.id), reason="-"
    ) == (409, "wrong_subject")
    shown = await done(scene.staff, f"{path}:add-member", member_id=str(added.id), reason="引进")
    assert (shown["member_count"], shown["without_consent_count"]) == (2, 0)
    assert await members(scene.staff, path) == [
        ("抗黄变前处理工艺", "found", ""),
        ("永磁电机", "added", "引进"),
    ]
