"""Evidence: entered, corrected, graded, and ungraded by a correction."""

from typing import Any

import pytest
from httpx import AsyncClient

from app.accounts.models import Role
from app.experts import evidence
from tests.app.experts.profiles import COMPLETE, enter
from tests.people import People


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator()


@pytest.fixture
async def path(staff: AsyncClient) -> str:
    return f"/experts/{(await enter(staff))['id']}"


async def add(client: AsyncClient, path: str, **fields: Any) -> dict[str, Any]:
    body = {"kind": "patent", "title": "一种耐火砖", **fields}
    answer = await client.post(f"{path}/evidence", json=body)
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()
    return item


async def shown(client: AsyncClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(path)).json()["evidence"]
    return items


async def test_added_changed_and_deleted(staff: AsyncClient, path: str) -> None:
    item = await add(staff, path, keywords=["耐火"], year=2020, identifier="ZL2020")
    assert item["grade"] == "self_stated"
    assert await shown(staff, path) == [item]
    one = f"{path}/evidence/{item['id']}"
    changed = (await staff.patch(one, json={"year": None, "title": "两种耐火砖"})).json()
    assert (changed["year"], changed["title"], changed["keywords"]) == (
        None,
        "两种耐火砖",
        ["耐火"],
    )
    for text, count in (("两种", 1), ("一种", 0)):
        found = await staff.get("/experts", params={"text": text, "count": "exact"})
        assert found.json()["total"] == count
    assert (await staff.delete(one)).status_code == 204
    assert (await staff.delete(one)).status_code == 404
    assert await shown(staff, path) == []
    found = await staff.get("/experts", params={"text": "两种", "count": "exact"})
    assert found.json()["total"] == 0


async def test_grading(staff: AsyncClient, path: str) -> None:
    item = await add(staff, path, grade="documented")
    one = f"{path}/evidence/{item['id']}"
    graded = await staff.post(f"{one}:grade", json={"grade": "verified"})
    assert graded.json()["grade"] == "verified"
    assert (await staff.patch(one, json={})).json()["grade"] == "verified"
    assert (await staff.patch(one, json={"title": item["title"]})).json()["grade"] == "verified"
    assert (await staff.patch(one, json={"title": "另一种砖"})).json()["grade"] == "documented"
    lowered = await staff.post(f"{one}:grade", json={"grade": "self_stated"})
    assert lowered.json()["grade"] == "self_stated"
    assert (await staff.post(f"{one}:grade", json={"grade": "superb"})).status_code == 422


async def test_grading_goes_on_under_review(staff: AsyncClient, path: str) -> None:
    item = await add(staff, path)
    await staff.post(f"{path}:submit")
    grade = f"{path}/evidence/{item['id']}:grade"
    assert (await staff.post(grade, json={"grade": "verified"})).status_code == 200


async def test_nobody_verifies_themself(people: People) -> None:
    owner = await people.account(Role.EXPERT)
    own = await people.client(owner)
    path = f"/experts/{(await enter(own))['id']}"
    body = {"kind": "patent", "title": "砖", "grade": "verified"}
    assert (await own.post(f"{path}/evidence", json=body)).status_code == 422
    item = await add(own, path)
    one = f"{path}/evidence/{item['id']}"
    assert (await own.patch(one, json={"grade": "verified"})).status_code == 422
    assert (await own.post(f"{one}:grade", json={"grade": "verified"})).status_code == 403
    assert (await shown(own, path))[0]["grade"] == "self_stated"


async def test_above_self_stated_only_staff_grade(people: People) -> None:
    """There is no document that whoever enters an item could show: staff have seen it, or not."""
    organization = await people.organization()
    own, unit = await people.expert(), await people.enterprise(organization)
    staff = await people.coordinator()
    documented = {"kind": "patent", "title": "砖", "grade": "documented"}
    body = COMPLETE | {"organization_id": str(organization.id)}
    plain = {"kind": "patent", "title": "瓦"}
    for client in (own, unit):
        refused = await client.post("/experts", json=body | {"evidence": [plain, documented]})
        found = [(e["pointer"], e["code"]) for e in refused.json()["errors"]]
        assert (refused.status_code, found) == (422, [("/evidence/1/grade", "locked")])
        path = f"/experts/{(await enter(client, **body))['id']}"
        refused = await client.post(f"{path}/evidence", json=documented)
        found = [(e["pointer"], e["code"]) for e in refused.json()["errors"]]
        assert (refused.status_code, found) == (422, [("/grade", "locked")])
        assert (await add(staff, path, grade="documented"))["grade"] == "documented"


@pytest.mark.parametrize("grade", ["documented", "verified"])
@pytest.mark.parametrize(
    "changed", [{"title": "另一种砖"}, {"abstract": "新"}, {"identifier": "ZL1"}, {"year": 2020}]
)
async def test_what_others_change_is_self_stated_again(
    people: People, grade: str, changed: dict[str, Any]
) -> None:
    own, staff = await people.expert(), await people.coordinator()
    path = f"/experts/{(await enter(own))['id']}"
    item = await add(own, path)
    one = f"{path}/evidence/{item['id']}"
    await staff.post(f"{one}:grade", json={"grade": grade})
    assert (await own.patch(one, json={"title": item["title"]})).json()["grade"] == grade
    assert (await own.patch(one, json=changed)).json()["grade"] == "self_stated"
    await staff.post(f"{one}:grade", json={"grade": grade})
    corrected = await staff.patch(one, json={"title": "其名"})
    assert corrected.json()["grade"] == "documented", "staff have read what they write"


async def test_item_of_another_expert_is_not_found(staff: AsyncClient, path: str) -> None:
    item = await add(staff, path)
    other = f"/experts/{(await enter(staff))['id']}/evidence/{item['id']}"
    assert (await staff.patch(other, json={"title": "x"})).status_code == 404
    assert (await staff.delete(other)).status_code == 404
    assert (await staff.post(f"{other}:grade", json={"grade": "verified"})).status_code == 404


async def test_fields_are_bounded(staff: AsyncClient, path: str) -> None:
    for fields, pointer in (
        ({"kind": "rumour"}, "/kind"),
        ({"title": ""}, "/title"),
        ({"title": "题" * 501}, "/title"),
        ({"title": None}, "/title"),
        ({"abstract": "文" * 5001}, "/abstract"),
        ({"abstract": "a\u0000"}, "/abstract"),
        ({"keywords": ["词"] * 21}, "/keywords"),
        ({"keywords": ["词" * 301]}, "/keywords/0"),
        ({"keywords": [""]}, "/keywords/0"),
        ({"year": 1899}, "/year"),
        ({"year": 2101}, "/year"),
        ({"identifier": "x" * 301}, "/identifier"),
    ):
        body = {"kind": "patent", "title": "砖", **fields}
        answer = await staff.post(f"{path}/evidence", json=body)
        assert answer.status_code == 422, fields
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_number_of_items_is_bounded(
    staff: AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "MAX_EVIDENCE", 2)
    await add(staff, path)
    await add(staff, path)
    answer = await staff.post(f"{path}/evidence", json={"kind": "patent", "title": "砖"})
    assert answer.status_code == 409
