"""Keys that values are sealed with; second factors; identities at sign-in providers

Nothing large is rewritten: stored contacts are sealed by a job, which this puts into the queue.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SEAL = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
SELECT 'default', 'seal_values', 'seal', 'seal_values', '{}'
WHERE EXISTS (SELECT FROM expert_contacts)
   OR EXISTS (SELECT FROM organizations)
   OR EXISTS (SELECT FROM demands)
"""


def upgrade() -> None:
    op.create_table(
        "encryption_keys",
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column(
            "first_used_at",
            MOMENT,
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("key_id", name="pk_encryption_keys"),
    )
    op.execute(SEAL)
    op.add_column(
        "accounts",
        sa.Column(
            "has_second_factor", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.alter_column("accounts", "password_hash", comment="empty for no password")
    op.alter_column("kept_answers", "body", comment="sealed")
    _create_second_factors()
    _create_identities()


def _create_second_factors() -> None:
    op.create_table(
        "second_factors",
        *_record(),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column(
            "last_step",
            sa.BigInteger(),
            nullable=False,
            comment="of the last code that was used: none is used twice",
        ),
        sa.Column(
            "failed_count", sa.Integer(), nullable=False, comment="wrong codes since a right one"
        ),
        sa.Column("locked_until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_second_factors"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_second_factors_account_id"
        ),
        sa.UniqueConstraint("account_id", name="uq_second_factors_account_id"),
    )
    op.create_table(
        "recovery_codes",
        *_record(),
        sa.Column("factor_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False, comment="SHA-256"),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sa.ForeignKeyConstraint(
            ["factor_id"],
            ["second_factors.id"],
            name="fk_recovery_codes_factor_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("code_hash", name="uq_recovery_codes_code_hash"),
    )
    op.create_index("ix_recovery_codes_factor_id", "recovery_codes", ["factor_id"])


def _create_identities() -> None:
    op.create_table(
        "identities",
        *_record(),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_identities_account_id"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
    )
    op.create_index("ix_identities_account_id", "identities", ["account_id"])


def _record() -> list[sa.Column[Any]]:
    """What every record has."""
    moments: list[sa.Column[Any]] = [
        sa.Column(name, MOMENT, server_default=sa.text("now()"), nullable=False)
        for name in ("created_at", "updated_at")
    ]
    version: sa.Column[Any] = sa.Column("version", sa.Integer(), nullable=False)
    return [sa.Column("id", sa.Uuid(), nullable=False), *moments, version]


def downgrade() -> None:
    """What is sealed stays sealed: only a process with the keys could open it."""
    for table in ("identities", "recovery_codes", "second_factors"):
        op.drop_table(table)
    op.alter_column("accounts", "password_hash", comment=None)
    op.alter_column("kept_answers", "body", comment=None)
    op.drop_column("accounts", "has_second_factor")
    op.drop_table("encryption_keys")
