"""A database made ready for the service, by the service itself and by commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import open_engine
from app.encryption.rotation import require_keys
from app.encryption.sealed import unlock
from app.migration import upgrade
from app.postgres.server import Database, database_server
from app.scopes import create_sessions
from app.settings import Settings


@asynccontextmanager
async def prepared(database: Database, settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The database as the service sees it, at its present schema and with the keys to its secrets.

    Raises what `upgrade` raises, RoleError and MissingKeys.
    """
    async with open_engine(database.owner, settings) as owner:
        await upgrade(owner)
    async with open_engine(await database.service_url(), settings) as engine:
        unlock(settings.key_ring())
        await require_keys(create_sessions(engine))
        yield engine


@asynccontextmanager
async def own_database() -> AsyncIterator[AsyncEngine]:
    """The database of a command's settings at its present schema, as the service."""
    settings = Settings()
    async with database_server(settings) as database, prepared(database, settings) as engine:
        yield engine
