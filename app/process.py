"""What every process that matches holds, the service and the worker alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import to_thread
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

import app.models  # noqa: F401  a flush must know every table that a foreign key names
from app import logs, metrics
from app.background import running
from app.database import create_engine, create_sessions
from app.encryption.sealed import unlock
from app.matches.index.ranking import Matcher, create_matcher
from app.matches.models import Pool
from app.postgres.server import database_server
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One database, and the sessions and live indexes on it."""

    url: URL
    sessions: async_sessionmaker[AsyncSession]
    matcher: Matcher


@asynccontextmanager
async def open_process(settings: Settings, *, role: str) -> AsyncIterator[Process]:
    """Set up this operating system process: its log, threads, database server, connections."""
    logs.configure(settings)
    metrics.share(settings.var_folder.absolute() / "metrics")
    to_thread.current_default_thread_limiter().total_tokens = settings.threads
    async with (
        running(metrics.keep_measuring(role)),
        database_server(settings) as url,
        connect(settings, url) as process,
    ):
        yield process


@asynccontextmanager
async def connect(settings: Settings, url: URL) -> AsyncIterator[Process]:
    """Sessions and live indexes on a database whose server is up, and the keys to its secrets."""
    unlock(settings.key_ring())
    engine = create_engine(url, settings, name="requests")
    following = create_engine(url, settings, size=len(Pool), name="indexes")
    matcher = create_matcher(settings, create_sessions(following))
    try:
        yield Process(url=url, sessions=create_sessions(engine), matcher=matcher)
    finally:
        await engine.dispose()
        await following.dispose()
