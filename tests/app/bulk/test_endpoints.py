"""Imports over HTTP: received, queued, run by a job, read by whom they concern."""

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.scopes import Sessions
from tests.app.bulk.files import csv_file, expert, json_lines, run
from tests.people import GUANGZHOU, People


async def post(
    client: AsyncClient, content: bytes, filename: str = "a.jsonl", **form: Any
) -> Response:
    return await client.post(
        "/imports", files={"file": (filename, content)}, data={"kind": "experts", **form}
    )


async def test_from_upload_to_report(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    staff = await people.coordinator()
    rows = json_lines(expert(1), expert(2, region_code=GUANGZHOU), {"external_id": "=1+1"})
    answer = await post(staff, rows, mode="partial", admit="true")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["state"], body["kind"]) == ("queued", "run_import")
    assert answer.headers["Location"] == f"/api/v1/operations/{body['id']}"
    assert body["result_path"] == f"/api/v1/imports/{body['id']}"
    jobs = await session.execute(text("SELECT task_name, args FROM procrastinate_jobs"))
    caused_by = {"request_id": answer.headers["X-Request-ID"]}
    assert [tuple(job) for job in jobs] == [("run_import", {"import_id": body["id"]} | caused_by)]
    await run(sessions, UUID(body["id"]))
    operation = (await staff.get(f"/operations/{body['id']}")).json()
    assert (operation["state"], operation["done_count"], operation["total_count"]) == ("done", 3, 3)
    done = (await staff.get(f"/imports/{body['id']}")).json()
    assert done["operation_path"] == f"/api/v1/operations/{body['id']}"
    assert (done["is_admitting"], done["row_count"], done["read_count"]) == (True, 3, 3)
    assert (done["state"], done["created_count"], done["rejected_count"]) == ("done", 1, 2)
    assert [(e["row"], e["code"]) for e in done["report"]] == [
        *((1, "organization_unknown"), (2, "forbidden"), (3, "missing"))
    ]
    assert (await staff.get("/imports?state=failed")).json()["items"] == []
    [summary] = (await staff.get("/imports?state=done")).json()["items"]
    assert summary["id"] == body["id"]
    assert "report" not in summary
    table = await staff.get(f"/imports/{body['id']}/rejected-rows")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in table.headers["content-disposition"]
    assert table.content.startswith(b"\xef\xbb\xbf")
    assert len(table.text.splitlines()) == 4


async def test_a_file_that_holds_no_table_is_refused_at_once(people: People) -> None:
    staff = await people.coordinator()
    for content in (b"", b"\x00\x01", csv_file(("血型",), ("A",)), b"PK\x03\x04nonsense"):
        answer = await post(staff, content, "a.csv")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/file"
    assert (await staff.get("/imports")).json()["items"] == []


@pytest.mark.parametrize("form", [{"kind": "cats"}, {"mode": "maybe"}, {"admit": "perhaps"}])
async def test_the_form_is_checked(people: People, form: dict[str, str]) -> None:
    answer = await post(await people.coordinator(), json_lines(expert()), **form)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/" + next(iter(form))


async def test_only_staff_import(client: AsyncClient, people: People) -> None:
    content = json_lines(expert())
    assert (await post(client, content)).status_code == 401
    for person in (await people.enterprise(), await people.expert(), await people.evaluator()):
        assert (await post(person, content)).status_code == 403
        assert (await person.get("/imports")).status_code == 403


async def test_imports_are_read_by_their_owner_and_administrators(people: People) -> None:
    owner, other = await people.coordinator(), await people.coordinator()
    body = (await post(owner, json_lines(expert()))).json()
    for path in (f"/imports/{body['id']}", f"/imports/{body['id']}/rejected-rows"):
        assert (await other.get(path)).status_code == 404
        assert (await (await people.administrator()).get(path)).status_code == 200
    assert (await other.get("/imports")).json()["items"] == []


async def test_a_strange_file_name_is_only_shown(people: People) -> None:
    staff = await people.coordinator()
    answer = await post(staff, json_lines(expert()), "../专家\x07.jsonl")
    assert answer.status_code == 202
    (import_,) = (await staff.get("/imports")).json()["items"]
    assert "\x07" not in import_["filename"]
