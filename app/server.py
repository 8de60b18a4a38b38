"""Which PostgreSQL the process uses: the one in DATABASE_URL, or the embedded one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from sqlalchemy import URL, make_url

from app import embedded
from app.settings import Settings


def driver_url(database_url: str) -> URL:
    """Accept postgres:// and postgresql:// alike; the driver is always psycopg 3."""
    return make_url(database_url.replace("postgres://", "postgresql://", 1)).set(
        drivername="postgresql+psycopg"
    )


@asynccontextmanager
async def database_server(settings: Settings) -> AsyncIterator[URL]:
    """The address of the database; an embedded server stays up as long as the context."""
    if settings.database_url is not None:
        yield driver_url(settings.database_url.get_secret_value())
        return
    server = await to_thread.run_sync(embedded.start, settings.var_folder / "postgres")
    try:
        yield server.url
    finally:
        await to_thread.run_sync(server.stop)
