"""Counters of the rate limits, shared by all processes"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_limits",
        sa.Column(
            "subject",
            sa.LargeBinary(),
            nullable=False,
            comment="keyed hash of the policy and of whom it counts",
        ),
        sa.Column(
            "full_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when its whole quota is there again",
        ),
        sa.Column("charged", sa.Integer(), nullable=False, comment="requests of the latest charge"),
        sa.PrimaryKeyConstraint("subject", name="pk_rate_limits"),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("rate_limits")
