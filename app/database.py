"""The declarative base, the engine and the one place where a request's transaction commits."""

import asyncio
import enum
import logging
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import psycopg
from fastapi import Depends, Request
from procrastinate.exceptions import ConnectorException
from sqlalchemy import DateTime, Enum, MetaData, event, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import UserDefinedType
from uuid_utils.compat import uuid7

from app.clock import now
from app.interface.errors import Problem
from app.metrics.instruments import instruments
from app.postgres.prepared_statements import LastingConnection
from app.scrubbing import safe
from app.settings import Settings

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

JsonObject = dict[str, Any]

# A host that vanishes says nothing; without the last two a query to it would wait for minutes.
CONNECTION = {
    "async_creator_fn": LastingConnection.connect,
    "connect_timeout": 5,
    "options": "-c timezone=UTC",
    "keepalives_idle": 10,
    "tcp_user_timeout": 15_000,
}

# What is raised where the database does not answer: it is away, or ends, or hangs, or all its
# connections are taken. While it is restored or migrated it may answer with any error.
AWAY = (psycopg.Error, DBAPIError, PoolTimeout, ConnectorException, OSError)
OF_CONNECTIONS = (ConnectionError, TimeoutError)  # any other OSError is of a file
AWAY_SECONDS = 2.0  # until a database that was away is asked again


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's xid8: a transaction's number that never wraps around."""

    cache_ok = True

    def get_col_spec(self, **kw: object) -> str:
        return "xid8"


class Base(DeclarativeBase):
    """All tables; times are aware UTC."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        JsonObject: JSONB,
        enum.Enum: Enum(
            enum.Enum, native_enum=False, length=50, values_callable=lambda e: [m.value for m in e]
        ),
    }


class Record(Base):
    """A table with an opaque UUIDv7, its times, and a version that refuses lost updates."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        default=now, onupdate=now, server_default=func.now()
    )
    version: Mapped[int] = mapped_column()

    def __init__(self, **values: Any) -> None:
        """The id is known at once, before the row is written."""
        super().__init__(**{"id": uuid7(), **values})

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        """Compare `version` on every UPDATE, so that a stale write fails instead of winning."""
        return {"version_id_col": cls.version}


class MeasuredPool(AsyncAdaptedQueuePool):
    """A pool that tells how many of its connections are in use, and how long one is waited for."""

    # The library names its logger by it, and libraries are heard from `warning` on (app.logs).
    __module__ = "sqlalchemy.pool"

    def connect(self) -> PoolProxiedConnection:
        """A connection, unless the server ends each as soon as it has begun.

        The library calls that an invalid request; nothing else is one here. Raises
        ConnectionError, as all that means a database that is away has its name in AWAY.
        """
        try:
            return super().connect()
        except InvalidRequestError as error:
            raise ConnectionError("the server ends its connections") from error

    def _do_get(self) -> ConnectionPoolEntry:
        is_full = self.overflow() >= self._max_overflow and not self.checkedin()
        began_at = time.perf_counter()
        try:
            return super()._do_get()
        finally:
            if is_full:
                waited = time.perf_counter() - began_at
                instruments().connection_wait_seconds.labels(self.logging_name).observe(waited)
            self._tell()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        self._tell()

    def _tell(self) -> None:
        instruments().connections.labels(self.logging_name).set(self.checkedout())


def create_engine(
    url: str | URL,
    settings: Settings,
    *,
    size: int | None = None,
    name: str = "command",
    lock_seconds: int = 0,
) -> AsyncEngine:
    """An engine that notices a restarted database before it hands out a connection.

    name: what its pool is called in the metrics.
    lock_seconds: how long a statement waits for what others have locked; 0 for as long as the
        server says, which is for ever unless it was told otherwise.
    """
    size = size or settings.database_pool_size
    given = make_url(url).query.get("options", "")  # the service's role, see app.postgres.roles
    options = f"{given} {CONNECTION['options']}"
    if lock_seconds:
        options += f" -c lock_timeout={lock_seconds}s"
    engine = create_async_engine(
        url,
        pool_size=size,
        max_overflow=size,
        pool_timeout=10,
        hide_parameters=True,  # they hold personal data
        poolclass=MeasuredPool,
        pool_logging_name=name,
        connect_args=CONNECTION | {"options": options},
    )
    instruments().connection_limit.labels(name).set(2 * size)
    event.listen(engine.sync_engine, "checkout", _refuse_ended)
    return engine


@asynccontextmanager
async def open_engine(
    url: str | URL,
    settings: Settings,
    *,
    size: int | None = None,
    name: str = "command",
    lock_seconds: int = 0,
) -> AsyncIterator[AsyncEngine]:
    """An engine as `create_engine` makes it, whose connections end with the block."""
    engine = create_engine(url, settings, size=size, name=name, lock_seconds=lock_seconds)
    try:
        yield engine
    finally:
        await engine.dispose()


def _refuse_ended(connection: Any, *_: object) -> None:
    """Make the pool replace a connection whose server has gone.

    A server that ends says so, or its kernel does: an idle connection with something to read is
    at its end. To look costs nothing; a ping would be one more round trip in every request.
    """
    waiting = select.poll()
    try:
        waiting.register(connection.driver_connection.fileno(), select.POLLIN)
    except psycopg.OperationalError:
        raise DisconnectionError("the connection is closed") from None
    if waiting.poll(0):
        raise DisconnectionError("the server has ended the connection")


async def answered(ask: Callable[[], Awaitable[Answer]], *, who: str) -> Answer:
    """What the database answers, as soon as it does; the log tells meanwhile `who` waits for it.

    Where `ask` works with files, too, they may be what is in the way: a full disk, say.
    """
    while True:
        try:
            return await ask()
        except AWAY as error:
            is_of_files = isinstance(error, OSError) and not isinstance(error, OF_CONNECTIONS)
            awaited = "its files" if is_of_files else "the database"
            logger.warning("%s waits for %s: %s", who, awaited, safe(error))
        await asyncio.sleep(AWAY_SECONDS)


class AuditedSession(Session):
    """A session whose commits leave their audit entry, see `app.interface.auditing`."""


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one transaction, committed before the answer leaves.

    A problem rolls back, but for those that say their work must stay (a revoked token chain).
    `place`: what the request waits for, once its body is there and before it has a connection.
    """
    info = getattr(request.state, "session_info", {})
    place = getattr(request.state, "place", nullcontext())
    async with place, request.app.state.sessions(info=info) as session:
        request.state.session = session
        try:
            yield session
        except Problem as problem:
            if not problem.keeps_work:
                raise
            await session.commit()
            raise
        await session.commit()


SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
