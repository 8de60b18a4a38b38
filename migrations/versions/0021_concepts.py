"""What the enterprise has decided of its demand's concepts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.postgres.roles import set_views_aside

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "demands",
        sa.Column(
            "concepts",
            postgresql.JSONB(),
            server_default="[]",
            nullable=False,
            comment="概念及权重",
        ),
    )


def downgrade() -> None:
    set_views_aside(op.get_bind())
    op.drop_column("demands", "concepts")
