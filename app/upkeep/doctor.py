"""`shuangku doctor`: everything that can be wrong, and for each what to do."""

from collections.abc import AsyncIterator, Collection, Sequence

import psycopg
from anyio import to_thread
from psycopg import AsyncConnection
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.database import open_engine
from app.interface.language import Text
from app.postgres import embedded
from app.postgres.errors import EmbeddedServerError, RoleError
from app.postgres.probe import conninfo
from app.postgres.server import Database, database_server
from app.processes.bad_settings import SettingFault
from app.scopes import Scope, create_sessions
from app.scrubbing import safe
from app.settings import Settings
from app.upkeep import database_checks, host_checks, service_checks
from app.upkeep.findings import Finding, State, bad, good, warning

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10


async def examine(
    settings: Settings, faults: Sequence[SettingFault] = ()
) -> AsyncIterator[Finding]:
    """All findings, each as soon as it is there; a check that fails itself is a finding, too.

    faults: settings that have their default instead; what rests on one of them is not looked at.
    """
    unread = frozenset(fault.name for fault in faults)
    if faults:
        yield host_checks.setting_values([fault.text for fault in faults])
    for finding in await to_thread.run_sync(lambda: list(host_checks.examine(settings, unread))):
        yield finding
    if settings.database_url is None and not embedded.has_data(settings.postgres_folder):
        yield warning(
            "database",
            Text("还没有数据库", "there is no database yet"),
            Text(
                "试用：shuangku serve，载入虚构的演示库，账号密码公开；用自己的数据：先"
                " shuangku migrate，再 shuangku create-administrator 邮箱，然后 shuangku serve",
                "to try it: shuangku serve, which loads a fictional pool with public passwords;"
                " for your own data first shuangku migrate and shuangku create-administrator EMAIL,"
                " then shuangku serve",
            ),
        )
    else:
        async for finding in _examine_database(settings, unread):
            yield finding
    if not any(name.startswith("encoder") for name in unread):
        yield await service_checks.encoder(settings)
    if not any(name.startswith("reranker") for name in unread):
        yield await service_checks.reranker(settings)


def is_sound(findings: list[Finding]) -> bool:
    return all(finding.state is not State.BAD for finding in findings)


async def _examine_database(settings: Settings, unread: Collection[str]) -> AsyncIterator[Finding]:
    try:
        async with database_server(settings) as database:
            async for finding in _examine_at(database, settings, unread):
                yield finding
    except ArgumentError:
        yield _unreachable(Text("DATABASE_URL 无法识别", "DATABASE_URL cannot be read"))
    except EmbeddedServerError as error:
        yield _unreachable(error.text)


async def _examine_at(
    database: Database, settings: Settings, unread: Collection[str]
) -> AsyncIterator[Finding]:
    options = f"-c statement_timeout={STATEMENT_SECONDS}s"
    address = conninfo(database.owner)
    try:
        connection = await AsyncConnection.connect(
            address, autocommit=True, connect_timeout=CONNECT_SECONDS, options=options
        )
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        yield _unreachable(Text(f"数据库连接失败：{reason}", f"no connection: {reason}"))
        return
    async with connection:
        yield good("database", "数据库可连接", "the database answers")
        is_embedded, last = settings.database_url is None, None
        try:
            async for last in database_checks.examine(connection, is_embedded=is_embedded):
                yield last
            if last is not None and last.check == "schema" and last.state is State.BAD:
                return  # what follows needs the tables
            is_served = await to_thread.run_sync(host_checks.is_served, settings)
            async for finding in service_checks.examine_jobs(connection, is_served=is_served):
                yield finding
            yield await database_checks.row_security(connection)
            async for finding in _examine_records(await database.service_url(), settings, unread):
                yield finding
        except RoleError as error:
            what = Text("行级安全不约束服务", "row-level security does not bind the service")
            yield bad("row_security", what, error.text)
        except (psycopg.Error, DBAPIError) as error:
            yield bad(
                "database",
                Text(f"检查中断：{safe(error)}", f"a check broke off: {safe(error)}"),
                Text("查看数据库日志", "see the database's log"),
            )


async def _examine_records(
    url: URL, settings: Settings, unread: Collection[str]
) -> AsyncIterator[Finding]:
    async with (
        open_engine(url, settings) as engine,
        create_sessions(engine, Scope.INDEX)() as session,
    ):
        has_keys = host_checks.encryption_key_file(settings).state is State.GOOD
        if has_keys and "encryption_keys" not in unread:  # else it is told there
            yield await service_checks.encryption_keys(session, settings)
        yield await service_checks.index(session)


def _unreachable(what: Text) -> Finding:
    return bad(
        "database",
        what,
        Text(
            "检查 DATABASE_URL、网络与数据库是否运行",
            "check DATABASE_URL, the network, and whether the server runs",
        ),
    )
