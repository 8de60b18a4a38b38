"""The audit log, which the database itself keeps from being rewritten, and its seals"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.database import TransactionId

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Half a year is what the law asks for at the least (网络安全法 §21), whatever the settings say.
GUARDS = """
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER refuse_deleting BEFORE DELETE ON audit_entries
    FOR EACH ROW WHEN (OLD.happened_at >= now() - interval '183 days')
    EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER refuse_rewriting;
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER refuse_deleting;
ALTER TABLE audit_seals ENABLE ALWAYS TRIGGER refuse_rewriting;
"""

# The one way to delete entries: whole sealed blocks from the oldest on. A service role needs no
# DELETE on the table for it.
DROPPING = """
CREATE FUNCTION drop_audit_entries(after bigint, through bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM audit_entries AS entry
        USING audit_seals AS seal
        WHERE seal.number > after AND seal.number <= through
          AND entry.id = ANY(seal.entry_ids)
        RETURNING entry.id
    )
    SELECT count(*) FROM gone
$$;
"""


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "transaction_id",
            TransactionId(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
        ),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "action",
            sa.String(),
            nullable=False,
            comment="'POST /demands', 'job run_import', 'command demo'",
        ),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column(
            "record_ids",
            postgresql.ARRAY(sa.Uuid()),
            nullable=False,
            comment="of the path, and touched",
        ),
        sa.Column(
            "fields", postgresql.ARRAY(sa.String()), nullable=False, comment="names that were sent"
        ),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="null outside HTTP"),
        sa.Column(
            "code", sa.String(), nullable=True, comment="of the problem; null when it was done"
        ),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column(
            "network",
            sa.String(),
            nullable=True,
            comment="the client's, never its whole address",
        ),
        sa.Column("email_hash", sa.LargeBinary(), nullable=True, comment="keyed; of a sign-in"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_happened_at_id", "audit_entries", ["happened_at", "id"])
    op.create_index(
        "ix_audit_entries_account_id_happened_at", "audit_entries", ["account_id", "happened_at"]
    )
    op.create_index(
        "ix_audit_entries_record_ids", "audit_entries", ["record_ids"], postgresql_using="gin"
    )
    op.create_index(
        "ix_audit_entries_email_hash",
        "audit_entries",
        ["email_hash"],
        postgresql_where=sa.text("email_hash IS NOT NULL"),
    )
    op.create_table(
        "unsealed_entries",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_unsealed_entries"),
    )
    _create_seals()
    op.execute(GUARDS)
    op.execute(DROPPING)
    op.add_column(
        "changes",
        sa.Column(
            "entry_id", sa.Uuid(), nullable=True, comment="of its transaction in audit_entries"
        ),
    )


def _create_seals() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="1, 2, 3 without a gap"),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "newest_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="of the block's entries",
        ),
        sa.Column("entry_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column(
            "digests", sa.LargeBinary(), nullable=False, comment="SHA-256 of each, one by one"
        ),
        sa.Column(
            "dropped_through",
            sa.BigInteger(),
            nullable=False,
            comment="the entries up to this seal's were dropped, for their age, by then",
        ),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of all the above but id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audit_seals"),
        sa.UniqueConstraint("number", name="uq_audit_seals_number"),
    )


def downgrade() -> None:
    op.drop_column("changes", "entry_id")
    op.drop_table("audit_seals")
    op.drop_table("unsealed_entries")
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION drop_audit_entries(bigint, bigint)")
    op.execute("DROP FUNCTION refuse_rewriting()")
