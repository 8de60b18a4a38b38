"""Logins and a database of theirs, on a server that tests share."""

import secrets

import psycopg
from sqlalchemy import URL

from app.database import create_engine
from app.migration import upgrade
from app.postgres.embedded import EmbeddedServer
from app.postgres.probe import conninfo
from app.settings import Settings


class Cluster:
    """Roles and databases for one test, on the server of all tests."""

    def __init__(self, server: EmbeddedServer, settings: Settings) -> None:
        self._server, self._settings = server, settings
        self._suffix = secrets.token_hex(4)
        self.database = f"roles_{self._suffix}"
        self.names: list[str] = []

    def role(self, name: str, powers: str = "") -> str:
        full = f"{name}_{self._suffix}"
        self.run(f"CREATE ROLE {full} LOGIN {powers}")
        self.names.append(full)
        return full

    def run(self, statement: str, *, inside: bool = False) -> None:
        url = self._server.url.set(database=self.database) if inside else self._server.url
        with psycopg.connect(conninfo(url), autocommit=True) as connection:
            connection.execute(statement)

    def url(self, role: str) -> URL:
        return self._server.url.set(database=self.database, username=role)

    async def migrate(self, role: str) -> None:
        engine = create_engine(self.url(role), self._settings)
        try:
            await upgrade(engine)
        finally:
            await engine.dispose()

    def drop(self) -> None:
        self.run(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        for name in self.names:
            self.run(f"DROP ROLE {name}")
