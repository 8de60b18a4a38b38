"""The worker's composition root: jobs with the indexes and the encoder they need."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine

from anyio import to_thread

from app.database import create_engine, create_sessions
from app.jobs import work
from app.matches import tasks as matching_tasks
from app.matches.models import Pool
from app.matches.ranking import create_matcher
from app.server import database_server
from app.settings import Settings


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; running jobs that are cut off start again elsewhere."""
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
            await _until_signalled(work(url, {"sessions": sessions, "matching": matching}))
        finally:
            await engine.dispose()
            await following.dispose()


async def _until_signalled(working: Coroutine[None, None, None]) -> None:
    task = asyncio.ensure_future(working)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
