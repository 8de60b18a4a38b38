"""The worker's composition root: jobs with the indexes and the encoder they need."""

import asyncio
import logging
import os
import sys
import threading
from functools import partial

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.encryption.rotation import require_keys
from app.jobs import RECONNECT_SECONDS, work
from app.matches.index.tasks import MatchingWork
from app.processes.process import Process, open_process
from app.progress.following import end_lost, follow_job
from app.scopes import Scope, within
from app.settings import Settings

logger = logging.getLogger(__name__)

STOP_SECONDS = 20  # a killed worker loses nothing, so no stop may take longer


async def run(settings: Settings, *, stops_with_stdin: bool) -> None:
    """Work until cancelled; running jobs that are cut off start again elsewhere.

    `stops_with_stdin`: also end when the standard input does. The kernel closes that pipe
    however the process at its other end dies, so no worker outlives the service that began it.
    """
    if stops_with_stdin:
        _cancel_with_stdin()
    async with open_process(settings, role="worker") as process:
        await _until_keys_are_known(process)
        context = {
            "sessions": process.sessions,
            "matching": _matching(process),
            "settings": settings,
        }
        await work(
            process.url,
            context,
            around=[follow_job],
            after_look=partial(end_lost, process.sessions),
        )


async def _until_keys_are_known(process: Process) -> None:
    """A database that is away is waited for; raises MissingKeys."""
    while True:
        try:
            return await require_keys(process.sessions)
        except (OperationalError, PoolTimeout, OSError) as error:
            logger.warning("the worker waits for its database: %s", type(error).__name__)
        await asyncio.sleep(RECONNECT_SECONDS)


def _matching(process: Process) -> MatchingWork:
    matcher = process.matcher
    return MatchingWork(
        sessions=within(process.sessions, Scope.INDEX),
        encoder=matcher.encoder,
        encodes_by_consent=matcher.encodes_by_consent,
        indexes=dict(matcher.indexes),
    )


def _cancel_with_stdin() -> None:
    loop = asyncio.get_running_loop()
    working = asyncio.current_task(loop)

    def cancel() -> None:
        loop.remove_reader(sys.stdin)
        # Seen once: a task of a library that swallowed its cancellation held the loop for ever.
        last_resort = threading.Timer(STOP_SECONDS, os._exit, args=(1,))
        last_resort.daemon = True
        last_resort.start()
        if working is not None:
            working.cancel()

    loop.add_reader(sys.stdin, cancel)
