"""A person gets all that is held on them, and nobody else does."""

import json
from uuid import uuid4

import psycopg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL, event, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes import operations as changes
from app.changes.models import Change
from app.personal_data import operations
from app.postgres.probe import conninfo
from app.progress.models import Operation
from tests.app.matches import scenes
from tests.app.personal_data.scenes import WORDS, whole_person
from tests.people import GUANGZHOU, YIWU, ZHEJIANG, People


async def test_one_gets_all_that_is_held_on_one(people: People, session: AsyncSession) -> None:
    person = await whole_person(people, session)
    answer = await person.client.get("/me/personal-data")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    text = json.dumps(answer.json(), ensure_ascii=False)
    assert [word for word in WORDS.values() if word not in text] == []
    sections = {section["name"]: section["rows"] for section in answer.json()["sections"]}
    assert {"accounts", "experts", "evidence", "expert_contacts", "consents", "matches"} <= set(
        sections
    )
    assert {"api_keys", "refresh_tokens", "judgments", "match_reviews", "changes"} <= set(sections)
    assert all(row["id"] == str(person.expert_id) for row in sections["experts"])


async def test_it_is_read_in_pieces_and_is_whole(
    people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await whole_person(people, session)
    for number in range(5):
        named = {"display_name": f"另名{number}"}
        assert (await person.client.patch("/me", json=named)).status_code == 200
    path = "/me/personal-data"
    whole = (await person.client.get(path)).json()["sections"]
    monkeypatch.setattr(operations, "CHUNK", 2)
    pieced = (await person.client.get(path)).json()["sections"]
    names = [section["name"] for section in whole]
    assert [section["name"] for section in pieced] == names
    assert not any(section["is_cut"] for section in pieced)
    for before, after in zip(whole, pieced, strict=True):
        # The first reading has itself left a change and an entry.
        rows = after["rows"][len(after["rows"]) - len(before["rows"]) :]
        assert rows == before["rows"], before["name"]
        assert len(after["rows"]) - len(before["rows"]) in (0, 1)
    assert max(len(section["rows"]) for section in pieced) > 4


async def test_no_secret_is_among_it(people: People, session: AsyncSession) -> None:
    person = await whole_person(people, session)
    text = (await person.client.get("/me/personal-data")).text
    assert person.account.password_hash not in text
    for name in ('_hash"', '"search"', '"fingerprint"'):
        assert name not in text


async def test_only_the_expert_and_staff_of_the_region_get_a_profiles_data(
    people: People, session: AsyncSession
) -> None:
    person = await whole_person(people, session)
    path = f"/experts/{person.expert_id}/personal-data"
    readers = {
        "person": (person.client, 200),
        "staff": (await people.coordinator(), 200),
        "staff elsewhere": (await people.coordinator(GUANGZHOU), 403),
        "evaluator": (await people.evaluator(), 403),
        "other expert": (await people.expert(), 404),
        "enterprise": (await people.enterprise(), 404),
    }
    for name, (reader, status) in readers.items():
        assert (await reader.get(path)).status_code == status, name
    exported = select(Change.actor_id).where(Change.kind == "expert.exported")
    assert len((await session.scalars(exported)).all()) == 2


async def test_staff_get_only_the_verdicts_that_they_may_read(
    people: People, session: AsyncSession
) -> None:
    """The expert alone gets all: what other regions think of them is nothing to the staff here."""
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "甲", scenes.DIRECTIONS["染整"], account_id=account.id)
    person = await people.client(account)
    for region, reason in ((YIWU, "本地意见"), (GUANGZHOU, "外地意见")):
        organization = await people.organization(region_code=region)
        demand = await scenes.demand(session, organization, region_code=region)
        staff = await people.coordinator(region)
        [match] = (await scenes.match(staff, demand.id))["matches"]
        assert await scenes.judge(staff, match["id"], "unsuitable", reason) == 201
        path = f"/matches/{match['id']}:request-review"
        review = (await person.post(path, json={"reason": f"异议{reason}"})).json()
        answered = {"answer": f"答复{reason}"}
        await staff.post(f"/match-reviews/{review['id']}:answer", json=answered)

    path = f"/experts/{expert.id}/personal-data"
    readers = {
        "person": (person, path, 2),
        "person by account": (person, "/me/personal-data", 2),
        "administrator": (await people.administrator(), path, 2),
        "staff": (await people.coordinator(YIWU), path, 1),
        "staff above": (await people.coordinator(ZHEJIANG), path, 1),
    }
    for name, (reader, where, count) in readers.items():
        answer = await reader.get(where)
        sections = {section["name"]: section["rows"] for section in answer.json()["sections"]}
        for table in ("matches", "judgments", "match_reviews"):
            assert len(sections[table]) == count, (name, table)
        assert ("外地意见" in answer.text) == (count == 2), name
        assert "本地意见" in answer.text, name


async def test_a_run_that_retention_deletes_meanwhile_breaks_no_export(
    people: People, session: AsyncSession, app: FastAPI, database: URL
) -> None:
    """Nobody was judged in it, so it may go at any time: here as soon as its matches are read."""
    account = await people.account(Role.EXPERT)
    await scenes.expert(session, "甲", scenes.DIRECTIONS["染整"], account_id=account.id)
    demand = await scenes.demand(session, await people.organization())
    [match] = (await scenes.match(await people.coordinator(), demand.id))["matches"]
    person = await people.client(account)
    engine = app.state.sessions.kw["bind"].sync_engine

    def retain(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "FROM matches" in statement:
            with psycopg.connect(conninfo(database)) as other:
                other.execute("SELECT set_config('shuangku.scope', 'service', false)")
                other.execute("DELETE FROM matches")
                other.execute("DELETE FROM match_runs")

    event.listen(engine, "after_cursor_execute", retain)
    try:
        answer = await person.get("/me/personal-data")
    finally:
        event.remove(engine, "after_cursor_execute", retain)
    assert answer.status_code == 200, answer.text
    sections = {section["name"]: section["rows"] for section in answer.json()["sections"]}
    assert [row["id"] for row in sections["matches"]] == [match["id"]]
    sections = (await person.get("/me/personal-data")).json()["sections"]
    assert "matches" not in {section["name"] for section in sections}


async def test_who_has_little_gets_little(people: People) -> None:
    sections = (await (await people.evaluator()).get("/me/personal-data")).json()["sections"]
    assert [section["name"] for section in sections] == ["accounts", "changes", "audit_entries"]


async def test_one_gets_what_the_audit_log_says_of_one(
    people: People, session: AsyncSession
) -> None:
    """What one did: what others did names other people's records, too."""
    person, staff = await whole_person(people, session), await people.coordinator()
    assert (await staff.get("/accounts")).status_code == 200
    assert (await person.client.patch("/me", json={"display_name": "另名"})).status_code == 200
    sections = (await person.client.get("/me/personal-data")).json()["sections"]
    (rows,) = [section["rows"] for section in sections if section["name"] == "audit_entries"]
    assert "PATCH /me" in {row["action"] for row in rows}
    assert {row["account_id"] for row in rows} == {str(person.account.id)}
    assert not any("email_hash" in row for row in rows)


async def test_what_belongs_to_nobody_is_in_nobodys_export(
    people: People, session: AsyncSession, client: AsyncClient
) -> None:
    """A profile without an account: what the service did by itself is not about its expert."""
    person, staff = await whole_person(people, session), await people.coordinator()
    other = uuid4()
    await changes.append(session, "expert.updated", other)
    session.add(Operation(kind="import", account_id=None))
    await session.commit()
    assert (await client.get("/accounts")).status_code == 401
    answer = await staff.get(f"/experts/{person.expert_id}/personal-data")
    sections = {section["name"]: section["rows"] for section in answer.json()["sections"]}
    assert {"audit_entries", "operations", "imports", "match_runs"}.isdisjoint(sections)
    assert {row["subject_id"] for row in sections["changes"]} == {str(person.expert_id)}
