"""Databases for services that run as processes."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from app.postgres.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def database_url(server: EmbeddedServer) -> Iterator[str]:
    """The DATABASE_URL of an empty database, shared by the tests of a module."""
    name = f"acceptance_{secrets.token_hex(6)}"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield server.url.set(database=name, drivername="postgresql").render_as_string()
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)
