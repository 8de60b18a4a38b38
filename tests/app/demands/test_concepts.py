"""Concepts are the enterprise's decisions on its own demand, locked and hidden as its full text."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.app.demands.forms import CREDIT_CODES, enter, give_code, store, take_step
from tests.people import GUANGZHOU, YIWU, People

SECRET: dict[str, Any] = {
    "text": "前处理助剂",
    "weight": 2,
    "is_must_have": True,
    "origin": "extracted",
}


async def test_they_are_entered_changed_and_locked_with_the_demand(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise, staff = await people.enterprise(organization), await people.coordinator(YIWU)
    draft = await enter(enterprise, concepts=[SECRET])
    path = f"/demands/{draft['id']}"
    assert draft["concepts"] == [SECRET]
    added = {"text": "热定型", "weight": 0, "is_must_have": False, "origin": "added"}
    changed = await enterprise.patch(path, json={"concepts": [{"text": "热定型", "weight": 0}]})
    assert changed.json()["concepts"] == [added]
    kept = await staff.patch(path, json={"budget": "3"})
    assert (kept.status_code, kept.json()["concepts"]) == (200, [added])
    assert (await staff.patch(path, json={"concepts": [SECRET]})).json()["concepts"] == [SECRET]
    assert (await take_step(enterprise, draft["id"], "submit"))[0] == 200
    for client in (enterprise, staff):
        assert (await client.patch(path, json={"concepts": []})).status_code == 409
    assert (await enterprise.get(path)).json()["concepts"] == [SECRET]


async def test_they_need_the_present_version(people: People) -> None:
    enterprise = await people.enterprise()
    draft = await enter(enterprise)
    path, body = f"/demands/{draft['id']}", {"concepts": [SECRET]}
    stale = await enterprise.patch(path, json=body, headers={"If-Match": '"0-x"'})
    assert stale.status_code == 412


@pytest.mark.parametrize(
    ("concepts", "pointer"),
    [
        ([SECRET, SECRET], "/concepts"),
        ([{"text": "LED"}, {"text": " ｌed"}], "/concepts"),
        ([{"text": f"概念{n}"} for n in range(31)], "/concepts"),
        ([{"text": "长" * 41}], "/concepts/0/text"),
        ([{"text": " "}], "/concepts/0/text"),
        ([{"text": "袜", "weight": 4}], "/concepts/0/weight"),
        ([{"text": "袜", "weight": -1}], "/concepts/0/weight"),
        ([{"text": "袜", "weight": 0, "is_must_have": True}], "/concepts/0"),
        ([{"text": "袜", "origin": "guessed"}], "/concepts/0/origin"),
        (None, "/concepts"),
    ],
)
async def test_what_is_no_list_of_concepts_is_refused(
    people: People, concepts: Any, pointer: str
) -> None:
    enterprise = await people.enterprise()
    draft = await enter(enterprise)
    answer = await enterprise.patch(f"/demands/{draft['id']}", json={"concepts": concepts})
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]


async def test_readers_of_the_public_part_see_none(people: People, session: AsyncSession) -> None:
    demand = await store(session, await people.organization(), concepts=[SECRET])
    for reader in (await people.coordinator(GUANGZHOU), await people.evaluator()):
        read, listed = await reader.get(f"/demands/{demand.id}"), await reader.get("/demands")
        assert read.json()["concepts"] is None
        assert SECRET["text"] not in read.text + listed.text
        found = (await reader.get("/demands", params={"text": SECRET["text"]})).json()
        assert found["items"] == []
