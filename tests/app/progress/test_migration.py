"""Imports from before there were operations keep what they knew, there and back."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine, text

import migrations

pytestmark = pytest.mark.own_database

OLD = """
    INSERT INTO imports (id, version, kind, filename, mode, is_admitting, is_overwriting, state,
        row_count, read_count, created_count, updated_count, unchanged_count, rejected_count,
        incomplete_count, report, is_report_cut, started_at, finished_at)
    SELECT gen_random_uuid(), 1, 'experts', state, 'partial', false, false, state,
        300, 200, 0, 0, 0, 0, 0, '[]', false, now(), CASE WHEN state <> 'running' THEN now() END
    FROM unnest(ARRAY['running', 'done', 'failed']) AS state
"""
JOB = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, status, args)
    SELECT 'default', 'run_import', 'todo', jsonb_build_object('import_id', id) FROM imports
    WHERE state = 'running'
"""
KNOWN = "filename, state, row_count, read_count, started_at, finished_at"


def migrate(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    (command.upgrade if revision == "head" else command.downgrade)(config, revision)
    connection.commit()


def rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(statement))]


def test_imports_keep_what_they_knew(database: URL) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        migrate(connection, "0010-1")
        connection.execute(text(OLD))
        connection.execute(text(JOB))
        before = rows(connection, f"SELECT {KNOWN} FROM imports ORDER BY filename")
        connection.commit()
        migrate(connection, "head")
        found = rows(
            connection,
            "SELECT state, done_count, total_count, job_id IS NULL, problem -> 'en' ->> 'code',"
            " result_path = '/api/v1/imports/' || imports.id, is_kept"
            " FROM imports JOIN operations USING (id) ORDER BY state",
        )
        assert found == [
            ("done", 200, 300, True, None, True, True),
            ("failed", 200, 300, True, "import_failed", True, True),
            ("running", 200, 300, False, None, True, True),
        ]
        connection.execute(text("UPDATE operations SET state = 'cancelled' WHERE state = 'failed'"))
        connection.commit()
        migrate(connection, "0010-1")
        assert rows(connection, f"SELECT {KNOWN} FROM imports ORDER BY filename") == before
    engine.dispose()
