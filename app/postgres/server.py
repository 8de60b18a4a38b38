"""Which PostgreSQL the process uses: the one in DATABASE_URL, or the embedded one."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from anyio import to_thread
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.background import running
from app.postgres import embedded
from app.postgres.embedded import EmbeddedServer
from app.postgres.errors import EmbeddedServerError
from app.postgres.roles import service_url
from app.settings import Settings

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def driver_url(database_url: str) -> URL:
    """Accept postgres:// and postgresql:// alike; the driver is always psycopg 3.

    Raises ArgumentError for what is no address, or another kind of database's.
    """
    url = make_url(database_url)
    if url.get_backend_name() not in ("postgres", "postgresql"):
        raise ArgumentError("not PostgreSQL")
    return url.set(drivername="postgresql+psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The address of one database for who owns its tables; the service asks for its own."""

    owner: URL
    service: URL | None = None  # known beforehand on the embedded server alone

    async def service_url(self) -> URL:
        """Where everything but a migration connects; raises RoleError, see app.postgres.roles."""
        return self.service or await service_url(self.owner)


@asynccontextmanager
async def database_server(settings: Settings) -> AsyncIterator[Database]:
    """The addresses of the database; an embedded server stays up as long as the context.

    An embedded server that dies is started again: nobody else would do it.
    """
    if settings.database_url is not None:
        yield Database(owner=driver_url(settings.database_url.get_secret_value()))
        return
    folder = settings.postgres_folder
    # Starting and stopping hold the loop on purpose: a signal that came in the middle would
    # leave a server behind.
    server = embedded.start(folder)
    try:
        async with running(_keep_up(server, folder)):
            yield Database(owner=server.url, service=server.service_url)
    finally:
        server.stop()


async def _keep_up(server: EmbeddedServer, folder: Path) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if await _answers(server):
            continue
        logger.warning("内置 PostgreSQL 已停止，重新启动 · embedded PostgreSQL stopped: restarting")
        try:
            await to_thread.run_sync(_wake, folder)
        # A full disk fails in many ways. The texts hold lines of the server's own log.
        except (EmbeddedServerError, psycopg.Error, OSError):
            logger.warning("内置 PostgreSQL 没有启动 · did not start: see %s/server.log", folder)


async def _answers(server: EmbeddedServer) -> bool:
    try:
        connection = await psycopg.AsyncConnection.connect(server.conninfo, connect_timeout=10)
    except psycopg.OperationalError:
        return False
    await connection.close()
    return True


def _wake(folder: Path) -> None:
    """Use the server for a moment, which starts it; the process's own use goes on."""
    embedded.start(folder).stop()
