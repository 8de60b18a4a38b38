"""No table that refers to a person is forgotten."""

from sqlalchemy import LargeBinary
from sqlalchemy.dialects.postgresql import TSVECTOR

import app.models  # noqa: F401  fills the metadata
from app.database import Base
from app.personal_data.holdings import HIDDEN, HOLDINGS

PEOPLE = {"accounts", "experts"}
# Columns that only say who did something to a record of somebody else's.
ACTORS = {
    "evidence.verified_by_id",
    "consents.declared_by_id",
    "judgments.account_id",
    "match_reviews.requested_by_id",
    "match_reviews.answered_by_id",
    "rankers.promoted_by_id",
    "password_resets.issued_by_id",
    "demand_handovers.account_id",
    "docking_steps.account_id",
    "pool_queries.account_id",
    "pool_members.account_id",
    "campaign_entries.account_id",
    "invitation_batches.account_id",
}


def test_no_column_is_hidden_that_is_not_there() -> None:
    held = {str(c) for holding in HOLDINGS for c in holding.table.__table__.c}
    assert held >= HIDDEN


def test_what_nobody_can_read_is_hidden() -> None:
    """Hashes, files and sealed answers are bytes; words for searching are no text."""
    unreadable = [
        str(c)
        for holding in HOLDINGS
        for c in holding.table.__table__.c
        if isinstance(c.type, LargeBinary | TSVECTOR)
    ]
    assert len(unreadable) > 6
    assert set(unreadable) <= HIDDEN


def test_every_table_that_refers_to_a_person_is_exported() -> None:
    held = {holding.name for holding in HOLDINGS}
    for table in Base.metadata.tables.values():
        for key in table.foreign_keys:
            column = f"{table.name}.{key.parent.name}"
            if key.column.table.name in PEOPLE and column not in ACTORS:
                assert table.name in held, (
                    f"say in HOLDINGS how {column} tells whose rows these are"
                )
