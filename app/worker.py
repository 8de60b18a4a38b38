"""The worker's composition root: jobs with the indexes and the encoder they need."""

import asyncio
import sys

from anyio import to_thread

import app.models  # noqa: F401  a flush must know every table that a foreign key names
from app.database import create_engine, create_sessions
from app.jobs import work
from app.matches import tasks as matching_tasks
from app.matches.models import Pool
from app.matches.ranking import create_matcher
from app.server import database_server
from app.settings import Settings


async def run(settings: Settings, *, stops_with_stdin: bool) -> None:
    """Work until cancelled; running jobs that are cut off start again elsewhere.

    `stops_with_stdin`: also end when the standard input does. The kernel closes that pipe
    however the process at its other end dies, so no worker outlives the service that began it.
    """
    if stops_with_stdin:
        _cancel_with_stdin()
    to_thread.current_default_thread_limiter().total_tokens = settings.threads
    async with database_server(settings) as url:
        engine = create_engine(url, settings)
        following = create_engine(url, settings, size=len(Pool))
        matcher = create_matcher(settings, create_sessions(following))
        sessions = create_sessions(engine)
        matching = matching_tasks.MatchingWork(
            sessions=sessions, encoder=matcher.encoder, indexes=dict(matcher.indexes)
        )
        try:
            await work(url, {"sessions": sessions, "matching": matching})
        finally:
            await engine.dispose()
            await following.dispose()


def _cancel_with_stdin() -> None:
    loop = asyncio.get_running_loop()
    working = asyncio.current_task(loop)

    def cancel() -> None:
        loop.remove_reader(sys.stdin)
        if working is not None:
            working.cancel()

    loop.add_reader(sys.stdin, cancel)
