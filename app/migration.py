"""Bring a database to the present schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from app.postgres.roles import RoleError

MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('migration'))")
OWNED_BY_ANOTHER = text(
    "SELECT tableowner FROM pg_tables"
    " WHERE schemaname = current_schema() AND tablename = 'alembic_version'"
    " AND NOT pg_has_role(tableowner, 'USAGE')"
)


async def upgrade(engine: AsyncEngine) -> None:
    """Run what is missing, in one transaction; processes that come together wait for one.

    Raises RoleError when something is missing and the login does not own the tables.
    """
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    connection.execute(MIGRATION_LOCK)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    owner = connection.scalar(OWNED_BY_ANOTHER)
    if owner is not None:
        _require_present(connection, config, owner)
        return
    command.upgrade(config, "head")


def _require_present(connection: Connection, config: Config, owner: str) -> None:
    """A login that may not migrate serves a database that somebody else has migrated."""
    present = MigrationContext.configure(connection).get_current_revision()
    if present != ScriptDirectory.from_config(config).get_current_head():
        raise RoleError(
            f"数据库结构需要更新：请以 {owner} 的身份运行 shuangku migrate",
            f"the schema is not the present one: run shuangku migrate as {owner}",
        )
