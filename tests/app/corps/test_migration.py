"""What the migration looks through and builds last may be cut off, and is done by the next run."""

import pytest
from sqlalchemy import URL, create_engine

from migrations import online
from tests.app.personal_data.test_migration import migrate, rows

pytestmark = pytest.mark.own_database


def test_a_run_that_was_cut_off_goes_on(database: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise ConnectionError

    engine = create_engine(database)
    with engine.connect() as connection:
        migrate(connection, "0034")
        with monkeypatch.context() as patch:
            patch.setattr(online, "create_index", killed)
            with pytest.raises(ConnectionError):
                migrate(connection, "head")
        connection.rollback()
        assert rows(connection, "SELECT version_num FROM alembic_version") == [("0034",)]
        migrate(connection, "head")
        built = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_service_records_corps%'"
        assert rows(connection, built) == [(1,)]
    engine.dispose()
