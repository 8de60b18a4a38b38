"""Bring a database to the present schema."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations

FOLDER = Path(migrations.__file__).parent
MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('migration'))")


@cache
def revisions() -> tuple[str, ...]:
    """Every revision that this code knows, the oldest first; it needs the last one."""
    found = ScriptDirectory(str(FOLDER)).walk_revisions()
    return tuple(script.revision for script in found)[::-1]


def is_behind(present: Collection[str]) -> bool:
    """Whether a schema at these revisions lacks something that this code needs.

    A revision that this code does not know is a newer one: what is added to a schema does not
    disturb the processes that still run, so these stay in service while the next ones start.
    """
    return not present or any(revision in revisions()[:-1] for revision in present)


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
