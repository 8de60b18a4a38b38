"""Alembic's environment: one connection, handed in by `app.migration` or opened from settings."""

import asyncio

from alembic import context
from sqlalchemy import Connection

import app.models  # noqa: F401  fills the metadata
from app.database import Base, create_engine
from app.postgres.server import database_server
from app.settings import Settings


def include_object(
    thing: object, name: str | None, kind: str, reflected: bool, compared: object
) -> bool:
    """Leave the job queue's own tables to its own schema."""
    return not (name or "").startswith("procrastinate")


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_from_command_line() -> None:
    settings = Settings()
    async with database_server(settings) as url:
        engine = create_engine(url, settings)
        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()
        await engine.dispose()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_from_command_line())
