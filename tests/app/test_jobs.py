"""Jobs: deferred with their cause, never piled up, given back when a worker dies."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.worker import Worker
from psycopg.errors import QueryCanceled
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.jobs import ATTEMPTS, STALLED_SECONDS, defer, defer_once, queue, waiting_jobs, work
from app.matches.index.encoding import MatchingWork
from app.postgres.probe import conninfo
from app.scopes import Scope, within
from tests.stalled_jobs import given_back

WAIT_SECONDS = 20.0


class Job(Exception):
    """Raised by the task of the tests when it is told to."""


runs: list[str] = []
may_end = asyncio.Event()


@pytest.fixture(scope="module", autouse=True)
def _tasks() -> None:
    """A task of the tests' own, registered as the domains register theirs."""

    @queue.task(name="note", retry=jobs.RETRY)
    async def note(word: str) -> None:
        runs.append(word)
        if word == "fail":
            raise Job

    @queue.task(name="last", queue=jobs.LONG)
    async def last() -> None:
        runs.append("begun")
        await may_end.wait()
        runs.append("ended")


@pytest.fixture(autouse=True)
def _no_runs() -> None:
    runs.clear()


async def rows(session: AsyncSession, task: str = "note") -> list[Any]:
    """(status, attempts, args, lock) of the task's jobs, in order."""
    statement = text(
        "SELECT status::text, attempts, args, lock FROM procrastinate_jobs"
        " WHERE task_name = :task ORDER BY id"
    )
    found = (await session.execute(statement, {"task": task})).all()
    await session.commit()
    return [tuple(row) for row in found]


async def test_a_job_exists_exactly_if_its_cause_does(session: AsyncSession) -> None:
    await defer(session, "note", word="lost")
    await session.rollback()
    assert await rows(session) == []
    job_id = await defer(session, "note", word="kept")
    await session.commit()
    assert [row[2] for row in await rows(session)] == [{"word": "kept"}]
    assert job_id > 0
    with pytest.raises(KeyError):
        await defer(session, "nobody_registered_this")


async def test_a_task_that_looks_for_its_own_work_waits_once(session: AsyncSession) -> None:
    for _ in range(3):
        await defer_once("encode_texts")
    assert len(await rows(session, "encode_texts")) == 1
    await asyncio.gather(*(defer_once("fit_indexes") for _ in range(5)))
    assert len(await rows(session, "fit_indexes")) == 1


async def test_a_deferred_task_keeps_the_lock_it_was_registered_with(
    session: AsyncSession,
) -> None:
    for name in ("encode_texts", "fit_indexes", "save_indexes"):
        await defer_once(name)
        ((_, _, _, lock),) = await rows(session, name)
        assert lock == queue.tasks[name].lock is not None


async def test_a_refused_job_leaves_its_transaction_usable(session: AsyncSession) -> None:
    await defer_once("encode_texts")
    await defer(session, "note", word="before")
    with pytest.raises(AlreadyEnqueued):
        await defer(session, "encode_texts")
    await session.commit()
    assert len(await rows(session)) == 1


async def _abandon(session: AsyncSession, task: str, attempts: int, **columns: Any) -> None:
    """A job that a worker was running when it was killed."""
    seconds = STALLED_SECONDS + 60
    await session.execute(
        text(
            "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            f" VALUES (now() - interval '{seconds} seconds') RETURNING id)"
            " INSERT INTO procrastinate_jobs"
            " (queue_name, task_name, status, attempts, args, lock, queueing_lock, worker_id)"
            " SELECT 'default', :task, 'doing', :attempts, '{\"word\": \"again\"}',"
            " :lock, :queueing_lock, id FROM dead"
        ),
        {"task": task, "attempts": attempts, "lock": None, "queueing_lock": None} | columns,
    )
    await session.commit()


async def test_the_job_of_a_dead_worker_is_given_back(session: AsyncSession) -> None:
    await _abandon(session, "note", 0)
    await given_back()
    assert [row[:2] for row in await rows(session)] == [("todo", 1)]
    await _run_all()
    assert runs == ["again"]
    assert [row[:2] for row in await rows(session)] == [("succeeded", 2)]


async def test_after_the_last_attempt_it_fails(session: AsyncSession) -> None:
    await _abandon(session, "note", ATTEMPTS - 2)
    await _abandon(session, "note", ATTEMPTS - 1)
    await given_back()
    assert [row[:2] for row in await rows(session)] == [
        ("todo", ATTEMPTS - 1),
        ("failed", ATTEMPTS),
    ]


async def test_a_job_of_a_living_worker_is_left_alone(session: AsyncSession) -> None:
    await _abandon(session, "note", 0)
    await session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now()"))
    await session.commit()
    await given_back()
    assert [row[0] for row in await rows(session)] == ["doing"]


async def test_a_worker_that_was_silent_only_by_the_clock_keeps_its_job(
    session: AsyncSession,
) -> None:
    """Set forwards, the clock makes every worker silent, until it says something."""
    await _abandon(session, "note", 0)
    suspects = await jobs.retry_stalled_jobs(set(), [Worker(app=queue)])
    assert len(suspects) == 1
    await session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now()"))
    await session.commit()
    assert not await jobs.retry_stalled_jobs(suspects, [Worker(app=queue)])
    assert [row[0] for row in await rows(session)] == ["doing"]
    await session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = '2000-01-01'"))
    await session.commit()
    await given_back()
    assert [row[0] for row in await rows(session)] == ["todo"]


async def test_a_stalled_job_whose_like_already_waits_makes_room_for_it(
    session: AsyncSession,
) -> None:
    locks = {"lock": "encode", "queueing_lock": "encode_texts"}
    await _abandon(session, "encode_texts", 0, **locks)
    await defer_once("encode_texts")
    await _abandon(session, "note", 0)
    await given_back()
    assert [row[0] for row in await rows(session, "encode_texts")] == ["todo"]
    assert [row[0] for row in await rows(session)] == ["todo"], "the others are looked at, too"


async def test_a_failing_job_is_tried_as_often_as_promised(session: AsyncSession) -> None:
    await defer(session, "note", word="fail")
    await session.commit()
    for _ in range(ATTEMPTS + 2):
        await session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
        await session.commit()
        await _run_all()
    assert runs == ["fail"] * ATTEMPTS
    assert [row[:2] for row in await rows(session)] == [("failed", ATTEMPTS)]


def test_what_comes_back_by_the_clock_is_registered_once() -> None:
    periodic = [
        (task.task.name, task.cron) for task in queue.periodic_registry.periodic_tasks.values()
    ]
    assert sorted(periodic) == [
        ("delete_old_jobs", "17 3 * * *"),
        ("delete_old_operations", "43 3 * * *"),
        ("deliver_webhooks", "* * * * *"),
        ("dissolve_teams", "13 * * * *"),
        ("drop_old_audit_entries", "53 3 * * *"),
        ("encode_texts", "* * * * *"),
        ("fit_indexes", "* * * * *"),
        ("follow_for_webhooks", "* * * * *"),
        ("forget_old_answers", "29 * * * *"),
        ("forget_old_counters", "31 * * * *"),
        ("forget_vectors", "11 4 * * *"),
        ("let_go_of_old_data", "41 2 * * *"),
        ("look_for_common_problems", "23 1 * * *"),
        ("mail_notices", "*/10 * * * *"),
        ("rematch", "* * * * *"),
        ("rematch_by_calendar", "7 * * * *"),
        ("renew_lent_names", "37 3 * * *"),
        ("save_indexes", "*/10 * * * *"),
        ("seal_audit_entries", "*/5 * * * *"),
        ("seal_values", "41 3 * * *"),
        ("tell_match_digests", "7 0 * * *"),
        ("tell_notices", "* * * * *"),
        ("train_nightly", "41 3 * * *"),
        ("verify_audit_log", "7 4 * * *"),
        ("watch_demands", "11 * * * *"),
        ("watch_dockings", "7 * * * *"),
    ]
    for name, _ in periodic:
        task = queue.tasks[name]
        assert task.queueing_lock == name
        # A retry would wait under the same queueing lock as the next one by the clock.
        assert task.retry_strategy is None


async def test_failed_jobs_stay_unless_their_like_comes_by_the_clock(
    session: AsyncSession,
) -> None:
    for days in (1, 40):
        for task, arguments in (("note", {"word": "x"}), ("encode_texts", {"timestamp": 0})):
            await defer(session, task, **arguments)
            await session.execute(
                text(
                    "UPDATE procrastinate_events SET at = now() - make_interval(days => :days)"
                    " WHERE job_id = (SELECT max(id) FROM procrastinate_jobs)"
                ),
                {"days": days},
            )
            await session.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    await session.execute(
        text("DELETE FROM procrastinate_events WHERE type NOT IN ('deferred')")
    )  # of this moment
    await session.commit()
    await jobs.delete_old_jobs(timestamp=0)
    assert len(await rows(session)) == 2
    assert len(await rows(session, "encode_texts")) == 1


async def test_looking_at_the_queue_takes_two_seconds_at_most_and_changes_nothing(
    database: URL,
) -> None:
    address, options = conninfo(database), "-c statement_timeout=10s"
    async with (
        await psycopg.AsyncConnection.connect(address, autocommit=True, options=options) as asking,
        await psycopg.AsyncConnection.connect(address) as other,
    ):
        assert await waiting_jobs(asking) == []
        await other.execute("LOCK procrastinate_jobs")
        began_at = time.monotonic()
        with pytest.raises(QueryCanceled):
            await waiting_jobs(asking)
        assert 2 <= time.monotonic() - began_at < 10
        shown = await (await asking.execute("SHOW statement_timeout")).fetchone()
        assert shown == ("10s",)


async def _run_all() -> None:
    await queue.run_worker_async(
        wait=False, listen_notify=False, install_signal_handlers=False, queues=["default"]
    )


@pytest.fixture
async def worker(
    app: Any, service_database: URL, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """A worker as `app.processes.worker` runs it, in this process."""
    for module in ("app.jobs", "app.database"):
        monkeypatch.setattr(f"{module}.AWAY_SECONDS", 0.2)
    matching = MatchingWork(
        sessions=within(app.state.sessions, Scope.INDEX), matcher=app.state.matcher
    )
    task = asyncio.create_task(work(service_database, {"matching": matching}))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.own_database
async def test_a_worker_survives_the_loss_of_all_its_connections(
    worker: None, session: AsyncSession, database: URL
) -> None:
    await _defer_and_wait(session, "first")
    address = conninfo(database)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as other:
        ended = await other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert len(await ended.fetchall()) >= 1
    await _defer_and_wait(session, "second")
    assert runs == ["first", "second"]


async def test_a_job_that_its_living_worker_has_lost_comes_again(
    worker: None, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database ends between the job's end and the worker's word of it."""
    monkeypatch.setattr(jobs, "LOOK_SECONDS", 0.2)
    await _defer_and_wait(session, "first")
    async with asyncio.timeout(WAIT_SECONDS):
        while [status for status, *_ in await rows(session)] != ["succeeded"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        lose = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = workers.id"
        ours = "FROM procrastinate_workers AS workers WHERE task_name = 'note'"
        await session.execute(text(f"{lose} {ours}"))
        await session.commit()
        while runs != ["first", "first"]:  # noqa: ASYNC110 - the worker is another task
            await asyncio.sleep(0.05)


async def test_what_takes_long_keeps_nobody_waiting(worker: None, session: AsyncSession) -> None:
    """However many of them wait, they have their own slots and no more."""
    may_end.clear()
    for _ in range(jobs.SLOTS[jobs.LONG] + 1):
        await defer(session, "last")
    await session.commit()
    async with asyncio.timeout(WAIT_SECONDS):
        while runs.count("begun") < jobs.SLOTS[jobs.LONG]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await _defer_and_wait(session, "quick")
        assert runs == ["begun", "begun", "quick"]
        may_end.set()
        while runs.count("ended") < jobs.SLOTS[jobs.LONG] + 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _defer_and_wait(session: AsyncSession, word: str) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await defer(session, "note", word=word)
                await session.commit()
                break
            except DBAPIError:  # this session's connection was ended, too
                await session.rollback()
                await asyncio.sleep(0.1)
        while word not in runs:  # noqa: ASYNC110 - the worker may be a new one by then
            await asyncio.sleep(0.05)
