"""Background jobs in the same PostgreSQL: the queue, and the worker that survives its database.

Tasks are registered by the domains' `tasks.py`. Each must be safe to run twice: a worker that is
killed leaves its job marked as running, and another one starts it again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import procrastinate
from procrastinate import JobContext, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from psycopg import OperationalError
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import now

logger = logging.getLogger(__name__)

queue = procrastinate.App(connector=procrastinate.PsycopgConnector())

ATTEMPTS = 5
RETRY = RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=3)
STALLED_SECONDS = 30
RECONNECT_SECONDS = 2
KEPT_HOURS = 24 * 30


async def defer(session: AsyncSession, task_name: str, **arguments: Any) -> None:
    """Put a job into the queue in the session's transaction: it exists exactly if its cause does.

    Raises KeyError for a task nobody registered.
    """
    task = queue.tasks[task_name]
    connection = await (await session.connection()).get_raw_connection()
    await task.configure(connection=connection.driver_connection).defer_async(**arguments)


async def defer_once(task_name: str) -> None:
    """Ask for a task that looks for its own work, unless one already waits in the queue."""
    task = queue.tasks[task_name]
    try:
        await task.configure(queueing_lock=task_name, lock=task_name).defer_async()
    except AlreadyEnqueued:
        return


@asynccontextmanager
async def open_queue(url: URL) -> AsyncIterator[None]:
    """Connect the process's queue to a database."""
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connector = procrastinate.PsycopgConnector(conninfo=conninfo, min_size=1, max_size=4)
    with queue.replace_connector(connector):
        async with queue.open_async():
            yield


async def work(url: URL, context: dict[str, Any]) -> None:
    """Run jobs until cancelled; a database that goes away is waited for.

    `context` is handed to tasks as `additional_context`.
    """
    while True:
        try:
            async with open_queue(url):
                await retry_stalled_jobs()
                await queue.run_worker_async(
                    additional_context=context,
                    concurrency=2,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=2.0,
                    update_heartbeat_interval=5.0,
                    stalled_worker_timeout=float(STALLED_SECONDS),
                )
        except (ConnectorException, OperationalError, OSError):
            logger.warning("the worker lost its database and waits for it", exc_info=True)
        await asyncio.sleep(RECONNECT_SECONDS)


async def retry_stalled_jobs() -> None:
    """Give the jobs of dead workers back to the queue; after the last attempt they fail."""
    for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        if job.attempts >= ATTEMPTS:
            await queue.job_manager.finish_job(
                job, status=procrastinate.jobs.Status.FAILED, delete_job=False
            )
        else:
            await queue.job_manager.retry_job(job, retry_at=now())


@queue.periodic(cron="* * * * *")
@queue.task(name="retry_stalled_jobs", queueing_lock="retry_stalled_jobs", pass_context=True)
async def retry_stalled_jobs_task(context: JobContext, timestamp: int) -> None:
    """Every minute."""
    await retry_stalled_jobs()


@queue.periodic(cron="17 3 * * *")
@queue.task(name="delete_old_jobs", queueing_lock="delete_old_jobs")
async def delete_old_jobs(timestamp: int) -> None:
    """Every night: jobs that succeeded are kept for a month, failed ones until someone looks."""
    await queue.job_manager.delete_old_jobs(nb_hours=KEPT_HOURS)
