"""Erased accounts and experts are known by a column; one open wish for a password an account

Kept answers name the records that they show, and two sorts that lists allow get their index.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.postgres.roles import set_views_aside
from migrations.online import create_index, drop_index, repeat, validate

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

OPEN = "code_hash IS NULL AND used_at IS NULL"
# Of several open wishes of one account the oldest stays: it has waited longest.
CLOSE_REPEATED = f"""
    UPDATE password_resets SET used_at = now() WHERE id IN (
        SELECT r.id FROM password_resets AS r WHERE {OPEN} AND EXISTS (
            SELECT FROM password_resets AS other
            WHERE other.account_id = r.account_id AND other.id < r.id
            AND other.code_hash IS NULL AND other.used_at IS NULL
        ) LIMIT 500
    )
"""
# The change record has said so from the beginning; a name or an address may be anybody's.
NOTE_ERASED = """
    UPDATE {table} SET {closed}, erased_at = (
        SELECT max(happened_at) FROM changes
        WHERE subject_id = {table}.id AND kind = '{kind}'
    ) WHERE id IN (
        SELECT t.id FROM changes AS c JOIN {table} AS t ON t.id = c.subject_id
        WHERE c.kind = '{kind}' AND t.erased_at IS NULL LIMIT 500
    )
"""
# What whoever is erased stays for good.
CLOSED = {"accounts": "NOT is_active", "experts": "state = 'removed'"}


def upgrade() -> None:
    create_index("ix_experts_name_pinyin_id", "experts", ["name_pinyin", "id"])
    create_index("ix_demands_title_id", "demands", ["title", "id"])
    repeat(CLOSE_REPEATED)
    create_index(
        "ix_password_resets_open", "password_resets", ["account_id"], unique=True, where=OPEN
    )
    op.add_column(
        "kept_answers",
        sa.Column(
            "record_ids",
            postgresql.ARRAY(sa.Uuid()),
            nullable=True,
            comment="that the answer shows, and of the path; null for one of before",
        ),
        if_not_exists=True,
    )
    for table in CLOSED:
        moment = sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True)
        op.add_column(table, moment, if_not_exists=True)
    # Some were opened again.
    repeat(NOTE_ERASED.format(table="accounts", kind="account.erased", closed="is_active = false"))
    repeat(NOTE_ERASED.format(table="experts", kind="expert.erased", closed="state = 'removed'"))
    for table, is_closed in CLOSED.items():
        name = f"ck_{table}_erased_for_good"
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        check = f"CHECK (erased_at IS NULL OR {is_closed}) NOT VALID"
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {check}")
        validate(table, name)


def downgrade() -> None:
    set_views_aside(op.get_bind())
    for table in CLOSED:
        op.drop_constraint(f"ck_{table}_erased_for_good", table)
        op.drop_column(table, "erased_at")
    op.drop_column("kept_answers", "record_ids")
    for name in ("password_resets_open", "demands_title_id", "experts_name_pinyin_id"):
        drop_index(f"ix_{name}")
