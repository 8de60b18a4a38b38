"""What a restore does to the record of changes."""

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.changes.epochs import begin_epoch
from app.postgres.cluster import SUPERUSER


async def begin_new_epoch(app: FastAPI) -> None:
    """By the owner of the tables, as a restore does."""
    service: AsyncEngine = app.state.sessions.kw["bind"]
    owner = create_async_engine(service.url.set(username=SUPERUSER))
    async with owner.connect() as connection:
        assert await begin_epoch(connection, is_restored=True)
    await owner.dispose()
