"""The worker's composition root: jobs with the indexes and the encoder they need."""

import asyncio
import logging
import os
import sys
import threading

from app.changes.waking import Waking
from app.clock import now
from app.jobs import work
from app.matches.index.encoding import MatchingWork
from app.notices import news as notices
from app.processes.process import open_process
from app.processes.unknown_settings import unknown_settings
from app.progress.following import end_lost, follow_job
from app.scopes import Scope, within
from app.settings import Settings
from app.webhooks import delivering
from app.webhooks import kinds as webhooks

logger = logging.getLogger(__name__)

STOP_SECONDS = 20  # a killed worker loses nothing, so no stop may take longer


async def run(settings: Settings, *, stops_with_stdin: bool) -> None:
    """Work until cancelled; running jobs that are cut off start again elsewhere.

    `stops_with_stdin`: also end when the standard input does. The kernel closes that socket
    however the process at its other end dies, so no worker outlives the service that began it.
    """
    if stops_with_stdin:
        _cancel_with_stdin()
    async with open_process(settings, role="worker") as process:
        if not stops_with_stdin:  # else the service has told
            for text in unknown_settings():
                logger.warning(text.in_both)
        context = {
            "sessions": process.sessions,
            "matching": MatchingWork(
                sessions=within(process.sessions, Scope.INDEX), matcher=process.matcher
            ),
            "settings": settings,
        }
        followers = {
            "tell_notices": notices.RECORDS,
            "follow_for_webhooks": tuple(webhooks.RECORDS),
        }
        waking = Waking(process.sessions, followers)

        async def after_look() -> None:
            await end_lost(process.sessions)
            await waking.look()
            await delivering.wake(process.sessions, now)

        await work(process.url, context, around=[follow_job], after_look=after_look)


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
