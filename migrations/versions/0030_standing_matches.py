"""Standing matches: what waits to be matched again, what was found to be still true, and undoing

Only the service writes them. A run is withdrawn by the staff who may match its demand.
"""

import sqlalchemy as sa
from alembic import op

from migrations.online import create_index, drop_index

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TRIGGERS = ("by_hand", "demand_published", "demand_changed", "experts_changed", "schedule")

SERVICE = "(SELECT scope_name()) = 'service'"
# As 0013 has them.
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
SHARED = """((SELECT is_staff()) AND EXISTS (SELECT FROM unnest(shared_region_codes) AS shared(code)
    WHERE starts_with(shared.code, (SELECT staff_prefix()))))"""
OF_STAFF_DEMAND = f"""((SELECT is_staff()) AND EXISTS (SELECT FROM demands AS d
    WHERE d.id = demand_id AND ({CARRIED} OR {SHARED})))"""


def upgrade() -> None:
    create_index("ix_match_runs_created_at_id", "match_runs", ["created_at", "id"])
    moment = sa.DateTime(timezone=True)
    op.add_column(
        "match_runs",
        sa.Column(
            "previous_id",
            sa.Uuid(),
            nullable=True,
            comment="the latest run of the demand before; it may be gone",
        ),
    )
    op.add_column(
        "match_runs",
        sa.Column("withdrawn_at", moment, nullable=True, comment="it counts as the latest no more"),
    )
    op.add_column(
        "match_runs", sa.Column("withdrawn_by_id", sa.Uuid(), nullable=True, comment="account")
    )
    _let_update_runs(OF_STAFF_DEMAND)
    op.create_table(
        "standing_matches",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("checked_at", moment, nullable=False),
        sa.Column("index_version", sa.String(16), nullable=False),
        sa.Column("ranker_version", sa.Integer(), nullable=False),
        sa.Column("entry_score", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("demand_id", name="pk_standing_matches"),
        sa.ForeignKeyConstraint(
            ["demand_id"], ["demands.id"], name="fk_standing_matches_demand_id"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["match_runs.id"], name="fk_standing_matches_run_id"),
    )
    op.create_index("ix_standing_matches_run_id", "standing_matches", ["run_id"])
    op.create_table(
        "standing_work",
        sa.Column(
            "subject",
            sa.Enum("expert", "demand", name="standingsubject", native_enum=False, length=50),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column(
            "trigger",
            sa.Enum(*TRIGGERS, name="trigger", native_enum=False, length=50),
            nullable=False,
        ),
        sa.Column("queued_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject", "subject_id", name="pk_standing_work"),
    )
    _protect("standing_matches", reading=OF_STAFF_DEMAND)
    _protect("standing_work", reading="false")


def _protect(table: str, *, reading: str) -> None:
    """Staff may read; the service alone writes."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING (({reading}) OR {SERVICE})",
        f"inserting ON {table} FOR INSERT WITH CHECK ({SERVICE})",
        f"updating ON {table} FOR UPDATE USING ({SERVICE}) WITH CHECK ({SERVICE})",
        f"deleting ON {table} FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def _let_update_runs(who: str) -> None:
    op.execute(
        f"ALTER POLICY updating ON match_runs USING (({who}) OR {SERVICE})"
        f" WITH CHECK (({who}) OR {SERVICE})"
    )


def downgrade() -> None:
    drop_index("ix_match_runs_created_at_id")
    op.drop_table("standing_work")
    op.drop_table("standing_matches")
    _let_update_runs("false")
    for name in ("withdrawn_by_id", "withdrawn_at", "previous_id"):
        op.drop_column("match_runs", name)
