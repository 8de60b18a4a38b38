"""One world for a module that only looks at it or undoes what it writes: it takes time to make."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import open_engine
from app.encryption.sealed import unlock
from app.postgres.embedded import EmbeddedServer
from app.scopes import create_sessions
from app.settings import Settings
from tests.app.row_security.world import World, build
from tests.databases import cloned


@pytest.fixture(scope="module")
def world_database(server: EmbeddedServer, template: str) -> Iterator[URL]:
    with cloned(server, template, f"world_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="module")
async def owner(world_database: URL, settings: Settings) -> AsyncIterator[AsyncSession]:
    """A session of the world's owner, whom no rule binds."""
    unlock(settings.key_ring())
    async with (
        open_engine(world_database, settings) as engine,
        create_sessions(engine)() as session,
    ):
        yield session


@pytest.fixture(scope="module")
async def world(owner: AsyncSession) -> World:
    return await build(owner)
