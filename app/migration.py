"""Bring a database to the present schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations

MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('migration'))")


async def upgrade(engine: AsyncEngine) -> None:
    """Run what is missing, in one transaction; processes that come together wait for one."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    connection.execute(MIGRATION_LOCK)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
