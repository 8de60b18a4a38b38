"""Why an expert was removed, as a code beside the reason that people write"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CAUSES = ("deceased", "retired", "misconduct", "merged", "requested")


def upgrade() -> None:
    kind = sa.Enum(*CAUSES, name="removalcause", native_enum=False, length=50)
    op.add_column(
        "experts",
        sa.Column("removal_cause", kind, nullable=True, comment="of one who was removed"),
    )


def downgrade() -> None:
    op.drop_column("experts", "removal_cause")
