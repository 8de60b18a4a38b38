"""Special pools: a saved query by versions, and who was added or excluded by hand

Staff read those of their region, and all that are in use.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

SERVICE = "(SELECT scope_name()) = 'service'"
MANAGED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))))"""
READ = f"(SELECT is_staff()) AND state = 'in_use' OR {MANAGED}"
POOL = "SELECT FROM special_pools AS pool WHERE pool.id = pool_id"
MANAGED_POOL = f"EXISTS ({POOL} AND {MANAGED})"

# Of one row, by an index, and whoever asks: staff read no consent of another region's expert.
FUNCTION = """
CREATE FUNCTION has_allowed_matching(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    found boolean;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := (
        SELECT is_given FROM consents WHERE expert_id = wanted AND purpose = 'matching'
        ORDER BY created_at DESC, id DESC LIMIT 1
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN coalesce(found, false);
END $$
"""


def upgrade() -> None:
    op.create_table("special_pools", *_pool_columns())
    op.create_index("ix_special_pools_created_at_id", "special_pools", ["created_at", "id"])
    op.create_table("pool_queries", *_query_columns())
    op.create_table("pool_members", *_member_columns())
    op.create_index("ix_pool_members_expert_id", "pool_members", ["expert_id"])
    op.execute(FUNCTION)
    _protect("special_pools", reading=READ, inserting=MANAGED, updating=MANAGED, deleting="false")
    read = f"EXISTS ({POOL})"
    _protect(
        "pool_queries", reading=read, inserting=MANAGED_POOL, updating="false", deleting="false"
    )
    _protect(
        "pool_members",
        reading=read,
        inserting=MANAGED_POOL,
        updating=MANAGED_POOL,
        deleting=MANAGED_POOL,
    )


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=50)


def _pool_columns() -> list[sa.Column[object] | sa.Constraint]:
    kinds = ("scarce_talent", "global_talent", "overseas_projects")
    states = ("draft", "submitted", "in_use", "suspended", "removed")
    stages = ("laboratory", "pilot", "small_batch", "industrialized")
    return [
        *_record_columns(),
        sa.Column("kind", _of("poolkind", *kinds), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("state", _of("poolstate", *states), nullable=False),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("country", sa.String(2), nullable=True),
        sa.Column("technology_field", sa.String(40), nullable=True),
        sa.Column("readiness", _of("stage", *stages), nullable=True, comment="of projects"),
        sa.Column("region_code", sa.String(6), nullable=True),
        sa.Column("query", JSONB(), nullable=False),
        sa.Column("query_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_special_pools"),
        sa.ForeignKeyConstraint(["country"], ["countries.code"], name="fk_special_pools_country"),
        sa.ForeignKeyConstraint(
            ["technology_field"],
            ["technology_fields.code"],
            name="fk_special_pools_technology_field",
        ),
        sa.ForeignKeyConstraint(
            ["region_code"], ["regions.code"], name="fk_special_pools_region_code"
        ),
    ]


def _query_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("query", JSONB(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pool_queries"),
        sa.ForeignKeyConstraint(["pool_id"], ["special_pools.id"], name="fk_pool_queries_pool_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_pool_queries_account_id"),
        sa.UniqueConstraint("pool_id", "number", name="uq_pool_queries_pool_id_number"),
    ]


def _id(name: str, *, nullable: bool) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _member_columns() -> list[sa.Column[object] | sa.Constraint]:
    keys = {
        "pool_id": "special_pools.id",
        "expert_id": "experts.id",
        "achievement_id": "achievements.id",
        "account_id": "accounts.id",
    }
    return [
        *_record_columns(),
        *(_id(name, nullable=name != "pool_id") for name in keys),
        sa.Column("is_excluded", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(expert_id IS NULL) <> (achievement_id IS NULL)", name="ck_pool_members_one_subject"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_pool_members"),
        *(
            sa.ForeignKeyConstraint([name], [target], name=f"fk_pool_members_{name}")
            for name, target in keys.items()
        ),
        *(
            sa.UniqueConstraint("pool_id", name, name=f"uq_pool_members_pool_id_{name}")
            for name in ("expert_id", "achievement_id")
        ),
    ]


def _protect(table: str, *, reading: str, inserting: str, updating: str, deleting: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING (({reading}) OR {SERVICE})",
        f"inserting ON {table} FOR INSERT WITH CHECK (({inserting}) OR {SERVICE})",
        f"updating ON {table} FOR UPDATE USING (({updating}) OR {SERVICE})"
        f" WITH CHECK (({updating}) OR {SERVICE})",
        f"deleting ON {table} FOR DELETE USING (({deleting}) OR {SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def downgrade() -> None:
    for table in ("pool_members", "pool_queries", "special_pools"):
        op.drop_table(table)
    op.execute("DROP FUNCTION has_allowed_matching")
