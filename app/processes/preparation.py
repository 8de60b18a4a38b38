"""A database made ready for the service, by the service itself and by commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import open_engine
from app.encryption.rotation import require_keys
from app.encryption.sealed import unlock
from app.migration import asking, present_revisions, upgrade
from app.operators import OperatorError
from app.postgres import embedded
from app.postgres.server import Database, database_server
from app.scopes import create_sessions
from app.settings import Settings


class NothingThere(OperatorError):
    """A command that works on what is there found nothing, and made nothing."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(
            f"{zh}。当前目录 {Path.cwd()}：请到服务所在的目录运行，或设置 VAR_FOLDER、"
            "DATABASE_URL；首次使用先运行 shuangku serve 或 shuangku migrate",
            f"{en}. This is {Path.cwd()}: run the command in the service's folder, or set"
            " VAR_FOLDER or DATABASE_URL; shuangku serve or shuangku migrate makes a new one",
        )


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
async def own_database(*, may_make: bool = False) -> AsyncIterator[AsyncEngine]:
    """The database of a command's settings at its present schema, as the service.

    may_make: make database and keys where there are none. Raises NothingThere otherwise: called
    from another folder, a command would else make a second database, and work on that.
    """
    settings = Settings()
    if not may_make:
        require_database(settings)
        require_key_file(settings)
    async with database_server(settings) as database:
        if not may_make:
            await _require_schema(database)
        async with prepared(database, settings) as engine:
            yield engine


def require_database(settings: Settings) -> None:
    """Raises NothingThere where a start would make the embedded server's data."""
    folder = settings.postgres_folder.absolute()
    if settings.database_url is None and not embedded.has_data(folder):
        raise NothingThere(
            f"没有数据库：未设置 DATABASE_URL，{folder} 中也没有",
            f"there is no database: DATABASE_URL is not set, and none is in {folder}",
        )


def require_key_file(settings: Settings) -> None:
    """Raises NothingThere where the keys to sealed values would be made."""
    file = settings.encryption_keys_file.absolute()
    if not settings.encryption_keys and not file.exists():
        raise NothingThere(
            f"没有加密密钥：未设置 ENCRYPTION_KEYS，也没有文件 {file}",
            f"there are no encryption keys: ENCRYPTION_KEYS is not set, and there is no {file}",
        )


async def _require_schema(database: Database) -> None:
    async with asking(database.owner) as connection:
        if not await present_revisions(connection):
            raise NothingThere(
                "数据库是空的（DATABASE_URL）", "the database is empty (DATABASE_URL)"
            )
