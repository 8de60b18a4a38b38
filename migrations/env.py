"""Alembic's environment: one connection, handed in by `app.migration` or opened from settings."""

import asyncio
import contextlib
from collections.abc import Iterator

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

import app.models  # noqa: F401  fills the metadata
from app.database import Base, open_engine
from app.postgres.roles import is_let_in, let_service_in
from app.postgres.server import database_server
from app.settings import Settings

SCOPE = text("SELECT set_config('shuangku.scope', :scope, false)")


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
    if _is_done(connection):
        return
    with _whole_view(connection):
        with context.begin_transaction():
            context.run_migrations()
        let_service_in(connection)
        connection.commit()


def _is_done(connection: Connection) -> bool:
    """Whether nothing is to be run, and the service can work."""
    present = context.get_context().get_current_revision()
    is_done = present == context.get_revision_argument() and is_let_in(connection)
    connection.rollback()  # migrations begin their own transactions
    return is_done


@contextlib.contextmanager
def _whole_view(connection: Connection) -> Iterator[None]:
    """FORCE ROW LEVEL SECURITY binds the owner as well, and a migration may change any row.

    For the session: each migration has transactions of its own.
    """
    connection.execute(SCOPE, {"scope": "service"})
    connection.commit()
    try:
        yield
    finally:
        with contextlib.suppress(DBAPIError):  # a connection that is gone has no scope
            connection.rollback()
            connection.execute(SCOPE, {"scope": ""})
            connection.commit()


async def run_from_command_line() -> None:
    settings = Settings()
    async with (
        database_server(settings) as database,
        open_engine(database.owner, settings) as engine,
        engine.connect() as connection,
    ):
        await connection.run_sync(run)
        await connection.commit()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_from_command_line())
