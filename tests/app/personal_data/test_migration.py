"""Who was erased before there was a column for it stays erased, and nobody else is."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine, text

import migrations

pytestmark = pytest.mark.own_database

OLD = """
    INSERT INTO accounts (id, version, email, display_name, role, password_hash,
        is_active, tokens_valid_from)
    VALUES (:erased, 1, 'a@erased.invalid', '已注销', 'expert', '', true, now()),
           (:other, 1, 'b@erased.invalid', '已注销', 'expert', '', false, now());
    INSERT INTO experts (id, version, name, kind, state, search, name_pinyin, state_reason,
        academy_division, is_retired, organization_name, title, disciplines, technology_fields,
        research_directions, specialities, introduction, languages, service_modes, absences,
        conflicting_organization_ids, societies)
    SELECT id, 1, '已注销', 'expert', 'removed', '', '', '', '', false, '', '', '{}', '{}', '{}',
        '{}', '', '{}', '{}', '[]', '{}', '{}'
    FROM accounts;
    INSERT INTO changes (kind, subject_id, data)
    VALUES ('account.erased', :erased, '{}'), ('expert.erased', :erased, '{}'),
           ('account.updated', :other, '{}');
    INSERT INTO password_resets (id, version, account_id)
    SELECT gen_random_uuid(), 1, :other FROM generate_series(1, 3)
"""
ERASED, OTHER = (f"00000000-0000-7000-8000-00000000000{n}" for n in "12")


def migrate(connection: Connection, revision: str) -> None:
    connection.commit()
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    (command.upgrade if revision == "head" else command.downgrade)(config, revision)
    connection.commit()


def rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(statement))]


def test_who_was_erased_stays_erased(database: URL) -> None:
    engine = create_engine(database)
    with engine.connect() as old, engine.connect() as connection:
        migrate(connection, "0017")
        for statement in OLD.split(";"):
            named = text(
                statement.replace(":erased", f"'{ERASED}'").replace(":other", f"'{OTHER}'")
            )
            connection.execute(named)
        connection.commit()
        # A process of before goes on: it knows the row of an account as it was.
        entered = "SELECT (caller.account).email FROM enter('{}') AS caller"
        assert rows(old, entered.format(OTHER)) == [("b@erased.invalid",)]
        old.commit()
        migrate(connection, "head")
        assert rows(old, entered.format(OTHER)) == [("b@erased.invalid",)]
        for table, state in (("accounts", "is_active"), ("experts", "state")):
            found = rows(connection, f"SELECT erased_at, {state} FROM {table} ORDER BY id")
            [(first, closed), (second, _)] = found
            assert (first is not None, second) == (True, None)
            assert closed in (False, "removed")
        waiting = "SELECT count(*) FROM password_resets WHERE used_at IS NULL"
        assert rows(connection, waiting) == [(1,)]
    engine.dispose()
