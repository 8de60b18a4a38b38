"""Searching and exporting the log, and who read whose contact data."""

import csv
import io
import json
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.accounts.secrets import hash_password
from app.audit import exporting, sealing
from app.audit.schemas import AuditExport
from app.demands.models import DemandState
from app.organizations.models import OrganizationState
from tests.app.audit.entries import entries_of, entry_of, seal, tamper, write
from tests.app.demands import forms
from tests.app.demands.forms import CREDIT_CODES, REVIEW, enter, give_code
from tests.app.experts.profiles import path_of, store
from tests.people import GUANGZHOU, YIWU, People


async def found(client: AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    answer = await client.get("/audit-entries", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_filters(people: People, client: AsyncClient) -> None:
    administrator = await people.administrator()
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    account.password_hash = await hash_password("correct-horse-42")
    await people.join(account, await people.organization())
    enterprise = await people.client(account)
    demand = await enter(enterprise)
    refused = await enterprise.post(f"/demands/{demand['id']}:publish")
    body = {"email": account.email.upper(), "password": "wrong-horse-43"}
    for _ in range(2):
        await client.post("/auth:sign-in", json=body)
    action = "POST /demands/{demand_id}:publish"
    by_account = await found(administrator, account_id=str(account.id))
    assert [item["action"] for item in by_account] == [action, "POST /demands"]
    by_record = await found(administrator, record_id=demand["id"], sort="happened_at")
    assert [item["action"] for item in by_record] == ["POST /demands", action]
    (one,) = await found(administrator, action=action)
    assert one["request_id"] == refused.headers["x-request-id"]
    assert one in await found(administrator, outcome="refused", code="forbidden", status=403)
    assert one not in await found(administrator, outcome="done")
    attempts = await found(administrator, attempted_account_id=str(account.id))
    assert len(attempts) == 2
    assert len({item["email_hash"] for item in attempts}) == 1
    assert account.email not in json.dumps(attempts)
    moment = one["happened_at"]
    assert one in await found(
        administrator, happened_at_gte=moment, happened_at_lt="2199-01-01T00:00:00Z"
    )
    assert one not in await found(administrator, happened_at_lt=moment)
    assert await found(administrator, record_id=str(uuid4())) == []
    unknown = await administrator.get(
        "/audit-entries", params={"attempted_account_id": str(uuid4())}
    )
    assert unknown.json()["errors"][0]["pointer"] == "attempted_account_id"


async def test_pages_come_in_order_and_whole(app: FastAPI, people: People) -> None:
    subjects = await write(app, 5)
    administrator = await people.administrator()
    query, seen = {"action": "command test", "limit": "2", "count": "exact"}, list[str]()
    while True:
        page = (await administrator.get("/audit-entries", params=query)).json()
        assert page["total"] == 5
        seen += [item["record_ids"][0] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [str(subject) for subject in reversed(subjects)]


async def test_an_entry_tells_its_changes(people: People) -> None:
    administrator = await people.administrator()
    demand = await enter(await people.enterprise())
    (entry,) = await found(administrator, action="POST /demands")
    shown = (await administrator.get(f"/audit-entries/{entry['id']}")).json()
    assert shown["entry"] == entry
    assert shown["changes"] == [{"kind": "demand.created", "subject_id": demand["id"]}]
    unknown = await administrator.get(f"/audit-entries/{uuid4()}")
    assert unknown.status_code == 404


async def test_reading_the_log_is_in_the_log(people: People, session: AsyncSession) -> None:
    administrator = await people.administrator()
    await found(administrator, status=200)
    await administrator.get("/audit-log", params={"format": "csv"})
    await administrator.get("/audit-seals")
    assert [(e.action, e.fields) for e in await entries_of(session)] == [
        ("GET /audit-entries", ["status"]),
        ("GET /audit-log", ["format"]),
        ("GET /audit-seals", []),
    ]


@pytest.mark.parametrize("chunk", [2, 1_000])
async def test_exports(
    app: FastAPI, people: People, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """The same entries as the list, oldest first, however they are cut into pieces."""
    monkeypatch.setattr(exporting, "CHUNK", chunk)
    await write(app, 5)
    administrator = await people.administrator()
    listed = await found(administrator, action="command test", sort="happened_at")
    query = {"action": "command test"}
    lines = await administrator.get("/audit-log", params=query)
    assert lines.headers["content-type"] == "application/jsonl; charset=utf-8"
    assert lines.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    table = await administrator.get("/audit-log", params=query | {"format": "csv"})
    assert table.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == [entry["id"] for entry in listed]
    assert [row["record_ids"] for row in rows] == [entry["record_ids"][0] for entry in listed]
    assert rows[0]["account_id"] == ""


async def test_no_cell_of_an_export_is_a_formula(
    app: FastAPI, people: People, client: AsyncClient
) -> None:
    """The request's id is the only text that comes from outside."""
    headers = {"X-Request-ID": "-1-cmd.A0"}
    await client.post("/demands", json={}, headers=headers)
    administrator = await people.administrator()
    table = await administrator.get("/audit-log", params={"format": "csv"})
    assert ",'-1-cmd.A0," in table.text


async def test_only_administrators_read_the_log(people: People) -> None:
    for client in (await people.coordinator(None), await people.evaluator(), await people.expert()):
        paths = ("/audit-entries", f"/audit-entries/{uuid4()}", "/audit-log", "/audit-seals")
        for path in paths:
            assert (await client.get(path)).status_code == 403, path


async def test_experts_see_who_read_their_contact(people: People, session: AsyncSession) -> None:
    owner = await people.account(Role.EXPERT)
    expert = await store(session, account_id=owner.id, region_code=YIWU)
    reader = await people.account(Role.COORDINATOR, region_code=YIWU)
    staff, elsewhere = await people.client(reader), await people.coordinator(GUANGZHOU)
    await staff.get(f"{path_of(expert)}/contact")
    assert (await elsewhere.get(f"{path_of(expert)}/contact")).status_code == 403
    await staff.get(path_of(await store(session)) + "/contact")
    path = f"{path_of(expert)}/contact-readings"
    own = await people.client(owner)
    (reading,) = (await own.get(path)).json()["items"]
    assert reading["account_id"] == str(reader.id)
    assert (reading["account_name"], reading["role"]) == (reader.display_name, "coordinator")
    assert reading["is_by_api_key"] is False
    assert (await staff.get(path)).status_code == 200
    assert (await elsewhere.get(path)).status_code == 403
    assert (await (await people.expert()).get(path)).status_code == 404


async def test_enterprises_see_who_read_their_demand(people: People, session: AsyncSession) -> None:
    """Who saw the public part only is not among them; who was shown it in a list is."""
    organization = await people.organization()
    enterprise, other = await people.enterprise(organization), await people.enterprise()
    demand = await forms.store(session, organization, state=DemandState.PUBLISHED)
    staff, elsewhere = await people.coordinator(YIWU), await people.coordinator(GUANGZHOU)
    for client in (staff, elsewhere):
        assert (await client.get(f"/demands/{demand.id}")).status_code == 200
        assert (await client.get("/demands")).status_code == 200
    path = f"/demands/{demand.id}/contact-readings"
    shown = (await enterprise.get(path)).json()["items"]
    name = (await staff.get("/me")).json()["display_name"]
    assert [reading["account_name"] for reading in shown] == [name, name]
    assert (await elsewhere.get(path)).status_code == 403
    assert (await other.get(path)).status_code == 404
    assert (
        await other.get(f"/organizations/{organization.id}/contact-readings")
    ).status_code == 403


async def readings(client: AsyncClient, path: str) -> list[str]:
    """The roles of those who read the record's contact, the last one first."""
    answer = await client.get(f"{path}/contact-readings")
    assert answer.status_code == 200, answer.text
    return [reading["role"] for reading in answer.json()["items"]]


async def test_whoever_writes_a_demand_has_read_its_contact(
    people: People, session: AsyncSession
) -> None:
    """They are answered with all of it; who is refused, or matches it, is not."""
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise, staff = await people.enterprise(organization), await people.coordinator()
    demand_id = (await enter(enterprise))["id"]
    path = f"/demands/{demand_id}"
    update = {"action": "update", "id": demand_id, "if_match": "*", "data": {"budget": "70"}}
    for answer in (
        await enterprise.patch(path, json={"budget": "60"}),
        await enterprise.post("/demands:batch", json={"items": [update]}),
        await enterprise.post(f"{path}:submit"),
    ):
        assert answer.status_code == 200, answer.text
    written = ["enterprise"] * 4
    assert await readings(enterprise, path) == written
    stale = await enterprise.patch(path, json={"budget": "80"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert await readings(enterprise, path) == written
    for verb in REVIEW:
        assert (await staff.post(f"{path}:{verb}")).status_code == 200
    written = ["coordinator"] * len(REVIEW) + written
    assert await readings(enterprise, path) == written
    assert (await staff.post(f"{path}:match", json={})).status_code == 201
    assert await readings(enterprise, path) == written


async def test_whoever_writes_an_organization_has_read_its_contact(people: People) -> None:
    administrator, staff = await people.administrator(), await people.coordinator()
    registered = await people.organization(state=OrganizationState.REGISTERED)
    path = f"/organizations/{registered.id}"
    for answer in (
        await administrator.patch(path, json={"introduction": "袜业"}),
        await staff.post(f"{path}:verify"),
    ):
        assert answer.is_success, answer.text
    assert await readings(staff, path) == ["coordinator", "administrator"]
    made = await staff.post("/organizations", json={"name": "义乌某厂", "region_code": YIWU})
    assert await readings(staff, f"/organizations/{made.json()['id']}") == ["coordinator"]


async def test_whoever_writes_or_exports_an_experts_contact_has_read_it(
    people: People, session: AsyncSession
) -> None:
    """Their profile holds none of it."""
    staff, administrator = await people.coordinator(), await people.administrator()
    path = path_of(await store(session, region_code=YIWU))
    assert (await staff.put(f"{path}/contact", json={"phone": "000-1"})).is_success
    assert (await administrator.get(f"{path}/personal-data")).is_success
    assert (await administrator.patch(path, json={"title": "教授"})).is_success
    assert await readings(staff, path) == ["administrator", "coordinator"]


async def test_seals_say_whether_they_hold(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BLOCK", 2)
    await write(app, 5)
    await seal(app)
    administrator = await people.administrator()

    async def seals(**query: Any) -> list[dict[str, Any]]:
        answer = await administrator.get("/audit-seals", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    third, second, first = await seals()
    assert [item["number"] for item in (first, second, third)] == [1, 2, 3]
    assert [item["entry_count"] for item in (first, second, third)] == [2, 2, 1]
    assert (second["previous_hash"], third["previous_hash"]) == (first["hash"], second["hash"])
    assert all(item["fault"] is None for item in (first, second, third))
    target = (await entries_of(session, action="command test"))[3].id
    await tamper(app, "UPDATE audit_entries SET status = 200 WHERE id = :id", id=target)
    faults = [item["fault"] for item in await seals(sort="number", limit=3)]
    assert faults == [None, {"kind": "entry_changed", "entry_id": str(target)}, None]
    assert (await administrator.get("/audit-seals", params={"limit": 21})).status_code == 422


async def test_an_unread_export_holds_no_connection(app: FastAPI, people: People) -> None:
    """A reader who stops in the middle keeps no transaction open."""
    await write(app, 3)
    query = AuditExport()
    async with app.state.sessions() as session:
        answer = await exporting.export(session, app.state.sessions, app.state.settings, query)
    body = aiter(answer.body_iterator)
    assert await anext(body)
    pool = app.state.sessions.kw["bind"].sync_engine.pool
    assert pool.checkedout() == 0


async def test_an_entry_over_http_is_sealed(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await enter(await people.enterprise())
    assert await seal(app) == 1
    entry = await entry_of(session, "POST /demands")
    (item,) = (await (await people.administrator()).get("/audit-seals")).json()["items"]
    assert item["first_entry_id"] == str(entry.id)
