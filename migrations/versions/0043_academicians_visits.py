"""A batch of invitations may be for a visit by academicians"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

NO = sa.text("false")


def upgrade() -> None:
    op.add_column(
        "invitation_batches",
        sa.Column("is_academicians_visit", sa.Boolean(), server_default=NO, nullable=False),
    )


def downgrade() -> None:
    op.drop_column("invitation_batches", "is_academicians_visit")
