"""What every process that matches holds, the service and the worker alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from anyio import to_thread
from sqlalchemy import URL

import app.models  # noqa: F401  a flush must know every table that a foreign key names
from app import logs
from app.background import running
from app.database import answered, open_engine
from app.encryption.rotation import require_keys
from app.encryption.sealed import unlock
from app.matches.index.ranking import Matcher, create_matcher
from app.matches.models import Pool
from app.metrics import instruments
from app.postgres.server import database_server
from app.scopes import Scope, Sessions, create_sessions
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One database as the service knows it, and the sessions and live indexes on it.

    The transactions of `sessions` begin without a scope: whoever uses them says for whom.
    """

    url: URL
    sessions: Sessions
    matcher: Matcher


@asynccontextmanager
async def open_process(
    settings: Settings, *, role: str, lock_seconds: int = 0
) -> AsyncIterator[Process]:
    """Set up this operating system process: its log, threads, database server, connections.

    lock_seconds: see `create_engine`; jobs wait for as long as it takes.
    A database that is away is waited for. Raises RoleError and MissingKeys.
    """
    logs.configure(settings)
    instruments.share(settings.metrics_folder)
    to_thread.current_default_thread_limiter().total_tokens = settings.threads
    async with (
        running(instruments.keep_measuring(role)),
        database_server(settings) as database,
        connect(
            settings,
            await answered(database.service_url, who=f"the {role}"),
            lock_seconds=lock_seconds,
        ) as process,
    ):
        await answered(partial(require_keys, process.sessions), who=f"the {role}")
        yield process


@asynccontextmanager
async def connect(settings: Settings, url: URL, *, lock_seconds: int = 0) -> AsyncIterator[Process]:
    """Sessions and live indexes on a database whose server is up, and the keys to its secrets."""
    unlock(settings.key_ring())
    async with (
        open_engine(url, settings, name="requests", lock_seconds=lock_seconds) as engine,
        open_engine(url, settings, size=len(Pool), name="indexes") as following,
    ):
        sessions = create_sessions(following, Scope.INDEX)
        matcher = create_matcher(settings.with_secret_key(), sessions)
        yield Process(url=url, sessions=create_sessions(engine), matcher=matcher)
