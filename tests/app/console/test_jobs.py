"""Failed jobs wait for an administrator, who may run them again."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import defer, defer_once
from tests.people import People


async def jobs_of(client: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/jobs", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def fail_all(session: AsyncSession) -> None:
    await session.execute(text("UPDATE procrastinate_jobs SET status = 'failed', attempts = 5"))
    await session.commit()


async def test_jobs_are_listed_latest_first_and_by_status(
    people: People, session: AsyncSession
) -> None:
    administrator = await people.administrator()
    for number in range(3):
        await defer(session, "refit_indexes")
        await session.commit()
        if number == 1:
            await fail_all(session)
    listed = await jobs_of(administrator)
    ids = [job["id"] for job in listed]
    assert ids == sorted(ids, reverse=True)
    assert [job["status"] for job in listed] == ["todo", "failed", "failed"]
    failed = await jobs_of(administrator, status="failed", limit=1)
    assert [(job["task"], job["attempts"]) for job in failed] == [("refit_indexes", 5)]
    older = await jobs_of(administrator, status="failed", before_id=failed[0]["id"])
    assert [job["id"] for job in older] == [ids[2]]
    assert await jobs_of(administrator, status="doing") == []


async def test_a_failed_job_is_run_again_as_a_new_one(
    people: People, session: AsyncSession
) -> None:
    administrator = await people.administrator()
    await defer(session, "refit_indexes")
    await session.commit()
    (waiting,) = await jobs_of(administrator)
    answer = await administrator.post(f"/jobs/{waiting['id']}:retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    await fail_all(session)
    answer = await administrator.post(f"/jobs/{waiting['id']}:retry")
    assert answer.status_code == 202
    again, failed = await jobs_of(administrator)
    operation = answer.json()
    assert (operation["kind"], operation["state"]) == ("refit_indexes", "queued")
    assert answer.headers["location"] == f"/api/v1/operations/{operation['id']}"
    assert (again["task"], again["status"], again["attempts"]) == ("refit_indexes", "todo", 0)
    assert (failed["id"], failed["status"]) == (waiting["id"], "failed")
    assert (await administrator.post("/jobs/999999:retry")).status_code == 404


async def test_a_task_that_waits_already_is_not_doubled(
    people: People, session: AsyncSession
) -> None:
    administrator = await people.administrator()
    await defer_once("encode_texts")
    await fail_all(session)
    (failed,) = await jobs_of(administrator)
    assert (await administrator.post(f"/jobs/{failed['id']}:retry")).status_code == 202
    answer = await administrator.post(f"/jobs/{failed['id']}:retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert len(await jobs_of(administrator, status="todo")) == 1


async def test_a_task_that_no_longer_exists_cannot_be_run(
    people: People, session: AsyncSession
) -> None:
    administrator = await people.administrator()
    await defer(session, "refit_indexes")
    await session.execute(text("UPDATE procrastinate_jobs SET task_name = 'gone'"))
    await fail_all(session)
    (job,) = await jobs_of(administrator)
    assert (await administrator.post(f"/jobs/{job['id']}:retry")).status_code == 404


async def test_jobs_are_for_administrators(people: People, client: AsyncClient) -> None:
    others = [
        (await people.coordinator(None), 403),
        (await people.enterprise(), 403),
        (await people.expert(), 403),
        (await people.evaluator(), 403),
        (client, 401),
    ]
    for other, status in others:
        assert (await other.get("/jobs")).status_code == status
        assert (await other.post("/jobs/1:retry")).status_code == status
    administrator = await people.administrator()
    for query in ({"status": "lost"}, {"limit": 0}, {"before_id": 0}, {"page": 2}):
        assert (await administrator.get("/jobs", params=query)).status_code == 422


async def test_a_number_that_is_no_job(people: People, client: AsyncClient) -> None:
    path = f"/jobs/{'9' * 5000}:retry"
    assert (await client.post(path)).status_code == 401
    assert (await (await people.administrator()).post(path)).status_code == 422
