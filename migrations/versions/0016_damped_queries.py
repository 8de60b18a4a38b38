"""Index versions tell how many demands damp their queries, and the format of their content"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "index_models",
        sa.Column(
            "queries",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="published demands: what many of them say is damped",
        ),
    )
    op.add_column(
        "index_models",
        sa.Column(
            "format",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="of the content; each release reads its own",
        ),
    )


def downgrade() -> None:
    op.execute("DELETE FROM index_models WHERE format <> 1")
    op.drop_column("index_models", "format")
    op.drop_column("index_models", "queries")
