"""What a file leaves to people of other regions, and what strangers can do to it beforehand."""

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from app.scopes import Sessions
from tests.app.bulk.files import demand, expert, json_lines, run
from tests.people import GUANGZHOU, YIWU, People


async def handed_in(
    sessions: Sessions, staff: AsyncClient, kind: str, *rows: dict[str, Any], **form: Any
) -> dict[str, Any]:
    """The import of the rows as somebody's file, run to its end."""
    files = {"file": ("a.jsonl", json_lines(*rows))}
    received = (await staff.post("/imports", files=files, data={"kind": kind, **form})).json()
    await run(sessions, UUID(received["id"]))
    body: dict[str, Any] = (await staff.get(f"/imports/{received['id']}")).json()
    return body


def told(body: dict[str, Any]) -> list[tuple[int, str]]:
    return [(entry["row"], entry["code"]) for entry in body["report"]]


async def listed(client: AsyncClient, kind: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(f"/{kind}")).json()["items"]
    return items


async def status_of(client: AsyncClient, path: str, **change: str) -> tuple[int, int]:
    """Of a reading, and of a change."""
    patched = await client.patch(path, json=change)
    return (await client.get(path)).status_code, patched.status_code


ROWS: dict[str, list[dict[str, Any]]] = {
    "organizations": [{"name": f"某大学{n}", "kind": "university"} for n in (1, 2)],
    "experts": [expert(n, region_code=None) for n in (1, 2)],
    "achievements": [{"name": f"抗酸胶膜{n}", "organization": "某研究院"} for n in (1, 2)],
    "demands": [demand(n, region_code=None) for n in (1, 2)],
}


@pytest.mark.parametrize("kind", ROWS)
async def test_a_file_without_regions_is_of_its_senders_region(
    sessions: Sessions, people: People, kind: str
) -> None:
    """Without one the staff of every region would read it in full, and could make it theirs."""
    staff, other = await people.coordinator(YIWU), await people.coordinator(GUANGZHOU)
    for again in (False, True):
        body = await handed_in(sessions, staff, kind, *ROWS[kind])
        assert (body["state"], body["rejected_count"]) == ("done", 0)
        assert ((1, "region_assumed") in told(body)) != again
        assert (2, "region_assumed") not in told(body)
        assert body["unchanged_count"] == (2 if again else 0)
    owners = await listed(staff, "organizations")
    for record in [*await listed(staff, kind), *owners]:
        assert record["region_code"] == YIWU
    for record in await listed(staff, kind):
        path = f"/{kind}/{record['id']}"
        read, written = await status_of(other, path, region_code=GUANGZHOU)
        assert (read, written) == ((200, 403) if kind == "organizations" else (404, 404))
        if kind == "experts":
            assert (await other.get(f"{path}/contact")).status_code == 404
    if kind == "demands":
        [owner] = owners
        assert await status_of(other, f"/organizations/{owner['id']}", region_code=GUANGZHOU) == (
            *(404, 404),
        )


async def test_a_known_enterprise_gives_its_demand_its_region(
    sessions: Sessions, people: People
) -> None:
    staff = await people.coordinator("330000")
    await people.organization("义乌某针织厂", region_code=YIWU)
    body = await handed_in(sessions, staff, "demands", demand(region_code=None))
    assert (1, "region_assumed") not in told(body)
    assert [found["region_code"] for found in await listed(staff, "demands")] == [YIWU]


async def test_an_administrators_file_may_leave_the_region_out(
    sessions: Sessions, people: People
) -> None:
    administrator = await people.administrator()
    body = await handed_in(sessions, administrator, "experts", expert(region_code=None))
    assert [code for _, code in told(body)] == ["missing"]
    assert [found["region_code"] for found in await listed(administrator, "experts")] == [None]


@pytest.mark.parametrize("kind", ["experts", "achievements", "demands"])
async def test_what_a_coordinator_enters_without_a_region_is_of_their_own(
    people: People, kind: str
) -> None:
    staff, other = await people.coordinator(YIWU), await people.coordinator(GUANGZHOU)
    administrator = await people.administrator()
    owner = (await administrator.post("/organizations", json={"name": "某全国学会"})).json()
    assert owner["region_code"] is None
    bodies = {
        "experts": {"name": "林若溪", "organization_id": owner["id"]},
        "achievements": {"name": "抗酸胶膜", "organization_id": owner["id"]},
        "demands": {"title": "浅色黄变控制", "organization_id": owner["id"]},
    }
    for client, region in ((staff, YIWU), (administrator, None)):
        answer = await client.post(f"/{kind}", json=bodies[kind])
        assert (answer.status_code, answer.json()["region_code"]) == (201, region)
        read = await other.get(f"/{kind}/{answer.json()['id']}")
        assert read.status_code == (404 if region else 200)
