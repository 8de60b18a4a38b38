"""Background jobs in the same PostgreSQL: the queue, and the worker that survives its database.

Tasks are registered by the domains' `tasks.py`. Each must be safe to run twice: a worker that is
killed leaves its job marked as running, and another one starts it again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import procrastinate
from procrastinate import JobContext, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.middleware import WorkerMiddleware
from procrastinate.worker import Worker
from psycopg import AsyncConnection, OperationalError
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app import logs
from app.background import running
from app.clock import now
from app.database import AWAY, AWAY_SECONDS, answered
from app.interface.auditing import working
from app.interface.errors import Unavailable
from app.metrics.instruments import instruments
from app.postgres.probe import Probe, conninfo

# Task, state (queued, running, failed), count, and seconds that the oldest due one has waited.
Waiting = tuple[str, str, int, float | None]
Look = Callable[[], Awaitable[None]]

logger = logging.getLogger(__name__)
events = logs.events(__name__)

# Named, not imported: the domains come after this module.
queue = procrastinate.App(
    connector=procrastinate.PsycopgConnector(),
    import_paths=[
        "app.interface.tasks",
        "app.encryption.tasks",
        "app.progress.tasks",
        "app.demands.tasks",
        "app.matches.index.tasks",
        "app.problems.tasks",
        "app.matches.rankers.tasks",
        "app.matches.standing.tasks",
        "app.dockings.tasks",
        "app.teams.tasks",
        "app.notices.tasks",
        "app.webhooks.tasks",
        "app.bulk.tasks",
        "app.personal_data.tasks",
        "app.audit.tasks",
    ],
)

ATTEMPTS = 5
# The strategy counts the attempts that went before.
RETRY = RetryStrategy(max_attempts=ATTEMPTS - 1, exponential_wait=3)
HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 20  # a worker silent for so long is dead, and its jobs go to others
LOOK_SECONDS = 5.0
CUT_OFF_SECONDS = 2.0  # what a running job gets to end in when its worker is told to stop
POOL_SECONDS = 5.0  # psycopg's own 300 would leave a returned database unused for minutes
KEPT_HOURS = 24 * 30

# What takes minutes of a processor has slots of its own, so that nobody's notice waits for it.
LONG = "long"
# Of the others deliveries, mails and imports may last, of each kind one; the rest is quick.
SLOTS = {LONG: 2, "default": 5}


async def defer(session: AsyncSession, task_name: str, **arguments: Any) -> int:
    """Put a job into the queue in the session's transaction: it exists exactly if its cause does.

    Returns the job's id. Raises KeyError for a task nobody registered, Unavailable when the
    database goes away, and AlreadyEnqueued, which leaves the transaction usable, when a task that
    looks for its own work waits already.
    """
    if task_name not in queue.tasks:  # a command does not open the queue
        queue.perform_import_paths()  # type: ignore[no-untyped-call]
    task = queue.tasks[task_name]
    try:
        async with session.begin_nested():
            connection = await (await session.connection()).get_raw_connection()
            job = task.configure(connection=connection.driver_connection)
            return await job.defer_async(**arguments | _cause())
    except ConnectorException as error:
        if isinstance(error.__cause__, OperationalError):
            raise Unavailable() from error
        raise


def _cause() -> dict[str, str]:
    """The request that a job comes from goes with it, for the log; see `observed`."""
    request_id = logs.bound_request_id()
    return {logs.REQUEST_ID: request_id} if request_id else {}


async def observed(run: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
    """Run a job with its ids in all that is logged meanwhile, and tell how it ended."""
    job, began_at, outcome = context.job, time.monotonic(), "failed"
    # The task itself knows nothing of requests.
    request_id = job.task_kwargs.pop(logs.REQUEST_ID, None)
    caused = {logs.REQUEST_ID: request_id} if request_id else {}
    audited = working(f"job {job.task_name}", str(request_id or f"job-{job.id}"))
    with logs.bound(job_id=job.id, task=job.task_name, **caused), audited:
        try:
            result = await run()
            outcome = "succeeded"
            return result
        except asyncio.CancelledError:
            outcome = "cut_off"
            raise
        except Exception as error:
            logger.error("the job failed", exc_info=error)
            raise
        finally:
            seconds = time.monotonic() - began_at
            instruments().jobs_ended.labels(job.task_name, outcome).inc()
            instruments().job_seconds.labels(job.task_name).observe(seconds)
            told = {"outcome": outcome, "attempt": job.attempts + 1}
            events.info("job", duration_ms=round(seconds * 1000, 1), **told)


async def defer_unless_waiting(session: AsyncSession, task_name: str) -> None:
    """Put a job that looks for its own work into the queue, unless its like waits already."""
    with contextlib.suppress(AlreadyEnqueued):
        await defer(session, task_name)


async def defer_once(task_name: str) -> None:
    """Ask for a task that looks for its own work, unless one already waits in the queue."""
    with contextlib.suppress(AlreadyEnqueued):
        await queue.tasks[task_name].defer_async()


@asynccontextmanager
async def open_queue(url: URL) -> AsyncIterator[None]:
    """Connect the process's queue to a database."""
    queue.perform_import_paths()  # type: ignore[no-untyped-call]
    connector = procrastinate.PsycopgConnector(
        conninfo=conninfo(url),
        min_size=1,
        max_size=8,
        timeout=POOL_SECONDS,
        reconnect_timeout=POOL_SECONDS,
        kwargs={"connect_timeout": 5},
    )
    with queue.replace_connector(connector):
        async with queue.open_async():
            yield


async def work(
    url: URL,
    context: dict[str, Any],
    *,
    around: Sequence[WorkerMiddleware] = (),
    after_look: Look | None = None,
) -> None:
    """Run jobs until cancelled; a database that goes away is waited for.

    `context` is handed to tasks as `additional_context`; `around` is run around every job, and
    `after_look` whenever the jobs of dead workers were looked for. Jobs that are cut off start
    again.
    """

    async def run_worker() -> None:
        async with open_queue(url):
            workers = [
                Worker(
                    app=queue,
                    queues=[name],
                    additional_context=context,
                    worker_middleware=[observed, *around],
                    concurrency=slots,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=2.0,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=float(STALLED_SECONDS),
                    shutdown_graceful_timeout=CUT_OFF_SECONDS,
                )
                for name, slots in SLOTS.items()
            ]
            async with running(_keep_looking(workers, after_look)):
                await _run_all(workers)

    while True:
        await answered(run_worker, who="the worker")
        await asyncio.sleep(AWAY_SECONDS)  # it ended by itself, as when its heartbeat has failed


async def _run_all(workers: Sequence[Worker]) -> None:
    """Until one of them ends, and with it the others, at once."""
    async with AsyncExitStack() as stack:
        runs = [await stack.enter_async_context(running(worker.run())) for worker in workers]  # type: ignore[no-untyped-call]
        try:
            await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for run in runs:
                run.cancel()


async def _keep_looking(workers: Sequence[Worker], after_look: Look | None) -> None:
    suspects: set[int] = set()
    while True:
        # Without the database: the worker itself notices, and waits.
        with contextlib.suppress(*AWAY):
            suspects = await retry_stalled_jobs(suspects, workers)
            if after_look is not None:
                await after_look()
        await asyncio.sleep(LOOK_SECONDS)


async def retry_stalled_jobs(suspects: Collection[int], workers: Sequence[Worker]) -> set[int]:
    """Give the jobs of dead workers back to the queue, and those that these have lost.

    After the last attempt they fail.

    suspects: of the last look. A job is given back only if it is among them: when the clock is
        set forwards, every worker seems silent until it says something.
    Returns the ids of all that look stalled now.
    """
    found = await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS)
    for worker in workers:
        found = [*found, *await _lost_jobs(worker)]
    stalled = {job.id: job for job in found if job.id is not None}
    for job in [job for job_id, job in stalled.items() if job_id in suspects]:
        if job.attempts + 1 >= ATTEMPTS:
            await queue.job_manager.finish_job(job, status=Status.FAILED, delete_job=False)
        else:
            await _retry(job)
    return set(stalled)


async def _lost_jobs(worker: Worker) -> list[Job]:
    """What the worker runs in the queue's words alone.

    The database went away while the worker took the job, or told how it had ended. The worker goes
    on living, so nobody else takes it, and its lock would hold back all that wait for it.
    """
    if worker.worker_id is None:  # it has not begun
        return []
    held = await queue.job_manager.list_jobs_async(status="doing", worker_id=worker.worker_id)
    runs = {context.job.id for context in worker._running_jobs.values()}
    return [job for job in held if job.id not in runs]


async def _retry(job: Job) -> None:
    """Put a job back; one that looks for its own work is dropped if its like waits already."""
    try:
        await queue.job_manager.retry_job(job, retry_at=now())
    except UniqueViolation:
        await queue.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)


WAITING = """
    SELECT task_name,
           CASE status WHEN 'todo' THEN 'queued' WHEN 'doing' THEN 'running' ELSE 'failed' END,
           count(*),
           max(extract(epoch FROM now() - coalesce(scheduled_at, deferred.at)))
               FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now())
    FROM procrastinate_jobs AS job
    LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM procrastinate_events
        WHERE job.status = 'todo'  -- of the others nobody asks, and the failed ones are many
          AND job_id = job.id AND type IN ('deferred', 'deferred_for_retry')
    ) AS deferred ON true
    WHERE status IN ('todo', 'doing', 'failed')
    GROUP BY 1, 2
"""


async def waiting_jobs(connection: AsyncConnection) -> Sequence[Waiting]:
    """All that is in the queue, by task and state; psycopg.Error when that takes two seconds."""
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '2s'")
        return await (await connection.execute(WAITING)).fetchall()


def job_probe(url: URL) -> Probe[Sequence[Waiting]]:
    """What `/metrics` asks the database, every two seconds at most."""
    return Probe(url, waiting_jobs, seconds=3.0, fresh_seconds=2.0)


DELETE_FAILED = """
    DELETE FROM procrastinate_jobs AS job
    WHERE status = 'failed' AND task_name = ANY(%(tasks)s) AND NOT EXISTS (
        SELECT FROM procrastinate_events
        WHERE job_id = job.id AND at > now() - make_interval(hours => %(hours)s)
    )
"""


@queue.periodic(cron="17 3 * * *")
@queue.task(name="delete_old_jobs", queueing_lock="delete_old_jobs")
async def delete_old_jobs(timestamp: int) -> None:
    """Every night: jobs that succeeded are kept for a month, failed ones for good.

    Unless their like comes by the clock: nobody needs to try those again.
    """
    await queue.job_manager.delete_old_jobs(nb_hours=KEPT_HOURS)
    tasks = [name for name, _ in queue.periodic_registry.periodic_tasks]
    await queue.connector.execute_query_async(DELETE_FAILED, tasks=tasks, hours=KEPT_HOURS)
