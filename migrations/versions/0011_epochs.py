"""Lives of the database: a restored one numbers its transactions anew"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "epochs",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False, comment="its system identifier"),
        sa.Column("database", sa.String(), nullable=False, comment="its object id there"),
        sa.Column(
            "began_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("number", name="pk_epochs"),
    )


def downgrade() -> None:
    op.drop_table("epochs")
