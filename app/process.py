"""What every process that matches holds, the service and the worker alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import to_thread
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

import app.models  # noqa: F401  a flush must know every table that a foreign key names
from app.database import create_engine
from app.encryption.sealed import unlock
from app.matches.index.ranking import Matcher, create_matcher
from app.matches.models import Pool
from app.postgres.server import database_server
from app.scopes import Scope, create_sessions
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One database as the service knows it, and the sessions and live indexes on it.

    The transactions of `sessions` begin without a scope: whoever uses them says for whom.
    """

    url: URL
    sessions: async_sessionmaker[AsyncSession]
    matcher: Matcher


@asynccontextmanager
async def open_process(settings: Settings) -> AsyncIterator[Process]:
    """Set up this operating system process: its threads, its database server, its connections."""
    to_thread.current_default_thread_limiter().total_tokens = settings.threads
    async with (
        database_server(settings) as database,
        connect(settings, await database.service_url()) as process,
    ):
        yield process


@asynccontextmanager
async def connect(settings: Settings, url: URL) -> AsyncIterator[Process]:
    """Sessions and live indexes on a database whose server is up, and the keys to its secrets."""
    unlock(settings.key_ring())
    engine = create_engine(url, settings)
    following = create_engine(url, settings, size=len(Pool))
    matcher = create_matcher(settings, create_sessions(following, Scope.INDEX))
    try:
        yield Process(url=url, sessions=create_sessions(engine), matcher=matcher)
    finally:
        await engine.dispose()
        await following.dispose()
