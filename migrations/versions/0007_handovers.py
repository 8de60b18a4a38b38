"""Demands pass between the four levels, and are shared sideways"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KINDS = ("submitted_up", "dispatched", "shared", "share_ended")


def upgrade() -> None:
    op.add_column("demands", sa.Column("handed_to_region_code", sa.String(6), nullable=True))
    op.add_column(
        "demands",
        sa.Column(
            "shared_region_codes",
            postgresql.ARRAY(sa.String(6)),
            server_default="{}",
            nullable=False,
        ),
    )
    now = sa.text("now()")
    op.create_table(
        "demand_handovers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*KINDS, name="handoverkind", native_enum=False, length=50),
            nullable=False,
        ),
        sa.Column("from_region_code", sa.String(6), nullable=True),
        sa.Column("to_region_code", sa.String(6), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_demand_handovers"),
        sa.ForeignKeyConstraint(
            ["demand_id"], ["demands.id"], name="fk_demand_handovers_demand_id"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_demand_handovers_account_id"
        ),
    )
    op.create_index(
        "ix_demand_handovers_demand_id_created_at", "demand_handovers", ["demand_id", "created_at"]
    )


def downgrade() -> None:
    op.drop_table("demand_handovers")
    op.drop_column("demands", "shared_region_codes")
    op.drop_column("demands", "handed_to_region_code")
