"""The migrations make what the models say, and can be undone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, inspect, text

import app.models  # noqa: F401  fills the metadata
import migrations
from app.database import Base

pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")

FOLDER = str(Path(migrations.__file__).parent)


@pytest.fixture
def connection(database: URL) -> Iterator[Connection]:
    engine = create_engine(database)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def is_ours(thing: object, name: str | None, *_: object) -> bool:
    """The job queue's tables come from its own schema."""
    return not (name or "").startswith("procrastinate")


def differences(connection: Connection) -> list[Any]:
    options = {"include_object": is_ours, "compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, Base.metadata))


def migrate(connection: Connection, revision: str) -> None:
    connection.commit()  # a migration begins its own transactions
    config = Config()
    config.set_main_option("script_location", FOLDER)
    config.attributes["connection"] = connection
    (command.downgrade if revision == "base" else command.upgrade)(config, revision)
    connection.commit()


def test_models_and_migrations_agree(connection: Connection) -> None:
    assert differences(connection) == []


@pytest.mark.own_database
def test_difference_would_be_seen(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE experts DROP COLUMN title CASCADE"))
    connection.execute(text("DROP INDEX ix_experts_search"))
    assert len(differences(connection)) == 2
    connection.rollback()


def test_down_to_nothing_and_up_again(connection: Connection) -> None:
    before = set(inspect(connection).get_table_names())
    migrate(connection, "base")
    left = inspect(connection).get_table_names()
    assert left == ["alembic_version"]
    migrate(connection, "head")
    assert set(inspect(connection).get_table_names()) == before
    assert differences(connection) == []
    assert (connection.scalar(text("SELECT count(*) FROM regions")) or 0) > 3000


def test_revisions_are_one_chain() -> None:
    script = ScriptDirectory(FOLDER)
    assert len(script.get_heads()) == 1
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert sorted(revisions) == revisions[::-1]


def test_every_foreign_key_to_a_large_table_has_an_index(connection: Connection) -> None:
    """Or deleting a parent reads the whole child table."""
    found = inspect(connection)
    for table in ("evidence", "memberships", "refresh_tokens", "api_keys"):
        indexed = {index["column_names"][0] for index in found.get_indexes(table)}
        indexed |= {u["column_names"][0] for u in found.get_unique_constraints(table)}
        for key in found.get_foreign_keys(table):
            if key["referred_table"] in ("experts", "accounts", "organizations"):
                column = key["constrained_columns"][0]
                assert column in indexed or column == "verified_by_id", (table, column)
