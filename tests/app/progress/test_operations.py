"""Operations over HTTP: who sees them, how they are cancelled, how they end and are forgotten."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.jobs import STALLED_SECONDS, queue
from app.organizations.actors import SERVICE
from app.progress import operations
from app.progress.following import advance, end_lost, follow, follow_job
from app.progress.models import Operation
from app.scopes import Scope, Sessions, within
from tests.app.bulk.files import expert, json_lines
from tests.people import People
from tests.stalled_jobs import given_back


@pytest.fixture
def sessions(app: FastAPI) -> Sessions:
    sessions: Sessions = app.state.sessions
    return sessions


@pytest.fixture
async def administrator(people: People) -> AsyncClient:
    return await people.administrator()


async def refit(administrator: AsyncClient) -> dict[str, Any]:
    """An operation that waits in the queue."""
    answer = await administrator.post("/match-indexes:refit")
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/operations/{body['id']}"
    return body


async def handed_in(staff: AsyncClient) -> dict[str, Any]:
    """The operation of an import that waits in the queue."""
    answer = await staff.post(
        "/imports", files={"file": ("a.jsonl", json_lines(expert()))}, data={"kind": "experts"}
    )
    body: dict[str, Any] = answer.json()
    return body


async def read(client: AsyncClient, operation: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/operations/{operation['id']}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def result_of(client: AsyncClient, operation: dict[str, Any]) -> Response:
    return await client.get(operation["result_path"].removeprefix("/api/v1"))


async def jobs(session: AsyncSession) -> list[tuple[str, int]]:
    """(status, attempts) of every job."""
    found = await session.execute(
        text("SELECT status::text, attempts FROM procrastinate_jobs ORDER BY id")
    )
    rows = [(row[0], row[1]) for row in found]
    await session.rollback()
    return rows


async def test_what_waits(administrator: AsyncClient) -> None:
    operation = await read(administrator, await refit(administrator))
    assert (operation["kind"], operation["state"]) == ("refit_indexes", "queued")
    assert (operation["done_count"], operation["total_count"]) == (0, None)
    assert operation["result_path"] == "/api/v1/match-indexes"
    assert operation["allowed_actions"] == ["cancel"]
    assert operation["problem"] is None


async def test_only_the_owner_and_administrators_see_an_operation(
    people: People, administrator: AsyncClient
) -> None:
    owner, other = await people.coordinator(), await people.coordinator()
    operation = await handed_in(owner)
    path = f"/operations/{operation['id']}"
    for client in (other, await people.evaluator(), await people.enterprise()):
        assert (await client.get(path)).status_code == 404
        assert (await client.get(f"{path}/events")).status_code == 404
        assert (await client.post(f"{path}:cancel")).status_code == 404
        assert (await client.get("/operations")).json()["items"] == []
    for client in (owner, administrator):
        assert [o["id"] for o in (await client.get("/operations")).json()["items"]] == [
            operation["id"]
        ]
    own = await refit(administrator)
    assert (await owner.get("/operations?count=exact")).json()["total"] == 1
    listed = (await administrator.get("/operations", params={"kind": "refit_indexes"})).json()
    assert [o["id"] for o in listed["items"]] == [own["id"]]
    assert (await administrator.get("/operations?state=done")).json()["items"] == []


async def test_what_waits_is_taken_out_of_the_queue(
    people: People, session: AsyncSession, sessions: Sessions
) -> None:
    staff = await people.coordinator()
    operation = await handed_in(staff)
    answer = await staff.post(f"/operations/{operation['id']}:cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["finished_at"] is not None
    assert await jobs(session) == [("cancelled", 0)]
    assert (await result_of(staff, operation)).json()["state"] == "cancelled"
    again = await staff.post(f"/operations/{operation['id']}:cancel")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    await follow(sessions, UUID(operation["id"]), not_to_be_run)


async def not_to_be_run() -> None:
    raise AssertionError


async def test_what_runs_is_told_and_stops_at_its_next_safe_point(
    administrator: AsyncClient, session: AsyncSession, sessions: Sessions
) -> None:
    operation = await refit(administrator)
    await session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    await session.commit()
    passed = []

    async def run() -> None:
        await advance(1, 3)
        passed.append(await read(administrator, operation))
        path = f"/operations/{operation['id']}:cancel"
        passed.append((await administrator.post(path)).json())
        assert (await administrator.post(path)).json() == passed[-1]
        await advance(2, 3)
        raise AssertionError

    await follow(sessions, UUID(operation["id"]), run)
    running, told = passed
    assert (running["state"], running["done_count"], running["total_count"]) == ("running", 1, 3)
    assert running["started_at"] is not None
    assert (told["state"], told["allowed_actions"]) == ("running", [])
    assert told["cancel_requested_at"] is not None
    ended = await read(administrator, operation)
    assert (ended["state"], ended["done_count"]) == ("cancelled", 2)


async def test_who_cancels_may_name_the_version_they_saw(administrator: AsyncClient) -> None:
    operation = await refit(administrator)
    path = f"/operations/{operation['id']}:cancel"
    assert (await administrator.post(path, headers={"If-Match": '"99"'})).status_code == 412
    tag = (await administrator.get(f"/operations/{operation['id']}")).headers["etag"]
    assert (await administrator.post(path, headers={"If-Match": tag})).status_code == 200


async def test_told_before_it_began_it_never_begins(
    administrator: AsyncClient, session: AsyncSession, sessions: Sessions
) -> None:
    """A worker has taken the job, but is not yet at work."""
    operation = await refit(administrator)
    await session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    await session.commit()
    told = (await administrator.post(f"/operations/{operation['id']}:cancel")).json()
    assert told["state"] == "queued"
    await follow(sessions, UUID(operation["id"]), not_to_be_run)
    assert (await read(administrator, operation))["state"] == "cancelled"


async def test_done_is_done(administrator: AsyncClient, sessions: Sessions) -> None:
    operation = await refit(administrator)

    async def run() -> None:
        await advance(1, 2)

    await follow(sessions, UUID(operation["id"]), run)
    ended = await read(administrator, operation)
    assert (ended["state"], ended["done_count"], ended["total_count"]) == ("done", 2, 2)
    await follow(sessions, UUID(operation["id"]), not_to_be_run)
    await end_lost(sessions)
    assert await read(administrator, operation) == ended


async def test_a_worker_follows_the_jobs_that_somebody_asked_for(
    administrator: AsyncClient, session: AsyncSession, sessions: Sessions
) -> None:
    heard: list[str] = []

    @queue.task(name="hear")
    async def hear(word: str) -> None:
        heard.append(word)
        await advance(1, 1)

    async with within(sessions, Scope.SERVICE).begin() as own:
        await hear.defer_async(word="by the clock")
        operation = await operations.create(own, SERVICE, "hear")
        await operations.enqueue(own, operation, word="asked for")
    await queue.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        additional_context={"sessions": sessions},
        worker_middleware=[follow_job],
    )
    assert sorted(heard) == ["asked for", "by the clock"]
    assert (await read(administrator, {"id": operation.id}))["state"] == "done"


@pytest.mark.parametrize("was_told", [False, True])
async def test_no_operation_outlives_its_job(
    people: People, session: AsyncSession, sessions: Sessions, was_told: bool
) -> None:
    """Its worker was killed at the last attempt, and nobody will begin it again."""
    staff = await people.coordinator()
    operation = await handed_in(staff)
    await session.execute(
        text(
            "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            f" VALUES (now() - interval '{STALLED_SECONDS + 60} seconds') RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', attempts = 4, worker_id = dead.id"
            " FROM dead"
        )
    )
    await session.execute(update(Operation).values(state="running"))
    await session.commit()
    if was_told:
        await staff.post(f"/operations/{operation['id']}:cancel")
    await end_lost(sessions)
    assert (await read(staff, operation))["state"] == "running", "its job may still come back"
    await given_back()
    assert await jobs(session) == [("failed", 5)]
    await end_lost(sessions)
    ended, import_ = await read(staff, operation), await result_of(staff, operation)
    state = "cancelled" if was_told else "failed"
    assert (ended["state"], import_.json()["state"]) == (state, state)
    assert (ended["problem"] or {}).get("code") == (None if was_told else "work_failed")
    entries = [] if was_told else ["work_failed"]
    assert [entry["code"] for entry in import_.json()["report"]] == entries
    assert await session.scalar(text("SELECT count(content) FROM imports")) == 0


async def test_problems_are_told_in_the_readers_language(
    administrator: AsyncClient, session: AsyncSession, sessions: Sessions
) -> None:
    operation = await refit(administrator)
    await session.execute(text("DELETE FROM procrastinate_jobs"))
    await session.commit()
    await end_lost(sessions)
    for language, title in (("zh-CN", "任务多次执行失败"), ("en", "The work failed")):
        administrator.headers["Accept-Language"] = language
        problem = (await read(administrator, operation))["problem"]
        assert problem["title"].startswith(title)


async def test_work_of_the_command_line_is_lost_when_it_is_silent_for_an_hour(
    administrator: AsyncClient, session: AsyncSession, sessions: Sessions
) -> None:
    async with within(sessions, Scope.SERVICE).begin() as own:
        operation = await operations.create(own, SERVICE, "run_import")
    await end_lost(sessions)
    assert (await read(administrator, {"id": operation.id}))["state"] == "queued"
    await session.execute(update(Operation).values(updated_at=now() - timedelta(hours=2)))
    await session.commit()
    await end_lost(sessions)
    assert (await read(administrator, {"id": operation.id}))["state"] == "failed"


async def test_old_operations_are_deleted_but_for_what_imports_show(
    administrator: AsyncClient, session: AsyncSession, sessions: Sessions
) -> None:
    old, living, of_import = [
        await refit(administrator),
        await refit(administrator),
        await handed_in(administrator),
    ]
    for operation in (old, of_import):
        await administrator.post(f"/operations/{operation['id']}:cancel")
    young = await refit(administrator)
    await administrator.post(f"/operations/{young['id']}:cancel")
    month = timedelta(days=31)
    await session.execute(
        update(Operation)
        .where(Operation.id != UUID(young["id"]), Operation.finished_at.is_not(None))
        .values(finished_at=now() - month, created_at=now() - month)
    )
    await session.commit()
    async with within(sessions, Scope.SERVICE).begin() as own:
        await operations.delete_old(own)
    left = {o["id"] for o in (await administrator.get("/operations")).json()["items"]}
    assert left == {o["id"] for o in (living, of_import, young)}
    assert (await result_of(administrator, of_import)).json()["state"] == "cancelled"


async def test_the_job_of_an_operation_is_asked_for_anew(
    administrator: AsyncClient, session: AsyncSession
) -> None:
    await refit(administrator)
    await session.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    await session.commit()
    (job,) = (await administrator.get("/jobs")).json()
    answer = await administrator.post(f"/jobs/{job['id']}:retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
