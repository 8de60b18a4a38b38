"""An audit entry tells how many items of a batch were refused alike"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "audit_entries",
        sa.Column(
            "item_count",
            sa.SmallInteger(),
            nullable=True,
            comment="of a batch, refused alike; null for a request of its own",
        ),
    )


def downgrade() -> None:
    op.drop_column("audit_entries", "item_count")
