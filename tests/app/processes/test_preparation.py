"""A database is made ready whole, or nothing of the attempt is left."""

import asyncio

import psycopg
import pytest
from sqlalchemy import URL

from app.encryption.rotation import MissingKeys
from app.postgres.probe import conninfo
from app.postgres.server import Database
from app.processes.preparation import prepared
from app.settings import Settings

pytestmark = pytest.mark.own_database

OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_a_step_that_fails_leaves_no_connection(
    database: URL, service_database: URL, settings: Settings
) -> None:
    with psycopg.connect(conninfo(database), autocommit=True) as connection:
        connection.execute("INSERT INTO encryption_keys (key_id) VALUES ('0badcafe')")
        with pytest.raises(MissingKeys, match="0badcafe"):
            async with prepared(Database(owner=database, service=service_database), settings):
                pass
        for _ in range(100):  # a backend takes a moment to end
            if connection.execute(OTHERS).fetchone() == (0,):
                return
            await asyncio.sleep(0.05)
    pytest.fail("a connection is left")


async def test_what_is_prepared_belongs_to_the_service(
    database: URL, service_database: URL, settings: Settings
) -> None:
    given = Database(owner=database, service=service_database)
    async with prepared(given, settings) as engine, engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT current_user")
        assert found.scalar_one() == service_database.username
