"""Batches of invitations; whoever looks for experts for a demand reads who was invited together"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

# The staff of a demand, as 0025 has them.
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
SHARED = """((SELECT is_staff()) AND EXISTS (SELECT FROM unnest(shared_region_codes) AS shared(code)
    WHERE starts_with(shared.code, (SELECT staff_prefix()))))"""
SERVICE = "(SELECT scope_name()) = 'service'"
DEMAND = "SELECT FROM demands AS demand WHERE demand.id = demand_id AND"
BATCH = "SELECT FROM invitation_batches AS batch WHERE batch.id = batch_id"
BATCHES, ITEMS = "invitation_batches", "invitation_batch_items"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        BATCHES,
        *_record_columns(),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("invited_at", moment, nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("undone_at", moment, nullable=True, comment="when that was asked for first"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{BATCHES}"),
        *_foreign_keys(BATCHES, demand_id="demands.id", account_id="accounts.id"),
    )
    for names in (["demand_id", "created_at", "id"], ["created_at", "id"]):
        op.create_index(f"ix_{BATCHES}_{'_'.join(names)}", BATCHES, names)
    op.create_table(
        ITEMS,
        *_record_columns(),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("docking_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                *("invited", "refused", "taken_back"),
                name="batchitemstate",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column(
            "reasons",
            postgresql.JSONB(),
            nullable=False,
            comment="code and texts: why not invited, or not taken back",
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{ITEMS}"),
        *_foreign_keys(
            ITEMS, batch_id=f"{BATCHES}.id", expert_id="experts.id", docking_id="dockings.id"
        ),
        sa.UniqueConstraint("batch_id", "place", name=f"uq_{ITEMS}_batch_id_place"),
    )
    op.create_index(f"ix_{ITEMS}_expert_id", ITEMS, ["expert_id"])
    carried = f"EXISTS ({DEMAND} {CARRIED})"
    _protect(BATCHES, reading=f"EXISTS ({DEMAND} ({CARRIED} OR {SHARED}))", writing=carried)
    _protect(ITEMS, reading=f"EXISTS ({BATCH})", writing=f"EXISTS ({BATCH} AND {carried})")


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _foreign_keys(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([name], [target], name=f"fk_{table}_{name}")
        for name, target in columns.items()
    ]


def _protect(table: str, *, reading: str, writing: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING (({reading}) OR {SERVICE})",
        f"inserting ON {table} FOR INSERT WITH CHECK (({writing}) OR {SERVICE})",
        f"updating ON {table} FOR UPDATE USING (({writing}) OR {SERVICE})"
        f" WITH CHECK (({writing}) OR {SERVICE})",
        f"deleting ON {table} FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def downgrade() -> None:
    op.drop_table(ITEMS)
    op.drop_table(BATCHES)
