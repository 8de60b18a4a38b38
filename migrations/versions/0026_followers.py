"""How far those who read the changes by jobs have come"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "followers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("seen", JSONB(), nullable=False, comment="pairs of transaction and change"),
        sa.Column(
            "latest_id", sa.BigInteger(), nullable=False, comment="of the changes it has read"
        ),
        sa.PrimaryKeyConstraint("name", name="pk_followers"),
    )


def downgrade() -> None:
    op.drop_table("followers")
