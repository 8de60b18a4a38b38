"""Entity tags, caching, and changes that name the version they were made from."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.interface.preconditions import entity_tag, is_known
from tests.app.matches import scenes
from tests.people import GUANGZHOU, YIWU, People

EXPERT = {
    "name": "甲",
    "region_code": YIWU,
    "organization_name": "某大学",
    "evidence": [{"kind": "patent", "title": "一种袜"}],
}


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    """A coordinator's client that adds no If-Match of its own."""
    client = await people.coordinator()
    client.event_hooks = {}
    return client


@pytest.fixture
async def expert(staff: AsyncClient) -> dict[str, Any]:
    answer = await staff.post("/experts", json=EXPERT)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made | {"path": f"/experts/{made['id']}"}


def version_of(tag: str) -> str:
    return tag.strip('"').partition("-")[0]


async def test_a_known_representation_is_not_sent_again(
    staff: AsyncClient, expert: dict[str, Any]
) -> None:
    first = await staff.get(expert["path"])
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await staff.get(expert["path"], headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    changed = await staff.patch(expert["path"], json={"title": "教授"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    again = await staff.get(expert["path"], headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] == changed.headers["etag"]


async def test_a_view_has_a_tag_of_its_own_and_the_same_version(
    people: People, session: AsyncSession
) -> None:
    demand = await scenes.demand(session, await people.organization())
    tags = [
        (await client.get(f"/demands/{demand.id}")).headers["etag"]
        for client in (await people.coordinator(YIWU), await people.coordinator(GUANGZHOU))
    ]
    assert version_of(tags[0]) == version_of(tags[1])
    assert tags[0] != tags[1]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [(None, 428), ('"99"', 412), ('"99-abc", W/"98"', 412), ("nonsense", 412)],
)
async def test_a_change_that_saw_another_version_is_refused(
    staff: AsyncClient, expert: dict[str, Any], if_match: str | None, status: int
) -> None:
    headers = {"If-Match": if_match} if if_match else {}
    answer = await staff.patch(expert["path"], json={"title": "院士"}, headers=headers)
    assert answer.status_code == status
    assert (
        answer.json()["code"] == {428: "precondition_required", 412: "precondition_failed"}[status]
    )
    found = (await staff.get(expert["path"])).json()
    assert (found["title"], found["version"]) == (expert["title"], expert["version"])


@pytest.mark.parametrize("form", ['"{0}"', 'W/"{0}-abc"', '"99", "{0}"', "*"])
async def test_a_change_that_saw_this_version_is_made(
    staff: AsyncClient, expert: dict[str, Any], form: str
) -> None:
    headers = {"If-Match": form.format(expert["version"])}
    answer = await staff.patch(expert["path"], json={"title": "教授"}, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["version"] == expert["version"] + 1


async def test_a_step_may_name_its_version_too(staff: AsyncClient, expert: dict[str, Any]) -> None:
    step = f"{expert['path']}:submit"
    assert (await staff.post(step, headers={"If-Match": '"99"'})).status_code == 412
    stale = {"If-Match": f'"{expert["version"]}"'}
    evidence = {"kind": "award", "title": "一等奖"}
    assert (await staff.post(f"{expert['path']}/evidence", json=evidence)).status_code == 201
    assert (await staff.post(step, headers=stale)).status_code == 412


async def test_parts_belong_to_the_version_of_the_whole(
    staff: AsyncClient, expert: dict[str, Any]
) -> None:
    async def version() -> int:
        return int((await staff.get(expert["path"])).json()["version"])

    item = expert["evidence"][0]
    item_path, seen = f"{expert['path']}/evidence/{item['id']}", await version()
    assert (await staff.patch(item_path, json={"year": 2020})).status_code == 428
    body, headers = {"year": 2020}, {"If-Match": f'"{item["version"]}"'}
    assert (await staff.patch(item_path, json=body, headers=headers)).status_code == 200
    assert await version() == seen + 1
    assert (await staff.delete(item_path, headers=headers)).status_code == 412
    contact = f"{expert['path']}/contact"
    tag = (await staff.get(contact)).headers["etag"]
    phone = {"phone": "0579-85550100"}
    put = await staff.put(contact, json=phone, headers={"If-Match": tag})
    assert version_of(put.headers["etag"]) == str(seen + 2)
    assert (await staff.put(contact, json=phone, headers={"If-Match": tag})).status_code == 412


async def test_lists_are_never_stored(staff: AsyncClient) -> None:
    answer = await staff.get("/experts")
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


def test_tags() -> None:
    tag = entity_tag(7, b"body")
    assert tag.startswith('"7-')
    assert tag != entity_tag(7, b"another body")
    assert is_known(f'"x", W/{tag}', tag)
    assert not is_known(None, tag)
    assert not is_known(tag.strip('"'), tag)
