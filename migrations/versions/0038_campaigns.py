"""Collection campaigns, and the demands that were entered into them

Whoever is signed in reads one that was opened; an entry, who manages the demand or the campaign.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

SERVICE = "(SELECT scope_name()) = 'service'"
IS_OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
MANAGED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))))"""
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
CAMPAIGN = "SELECT FROM campaigns AS campaign WHERE campaign.id = campaign_id AND"
OF_OWN_DEMAND = f"""EXISTS (SELECT FROM demands AS demand
    WHERE demand.id = demand_id AND ({IS_OURS} OR {CARRIED}))"""
OF_OWN_CAMPAIGN = f"EXISTS ({CAMPAIGN} {MANAGED})"
WHILE_OPEN = f"{OF_OWN_DEMAND} AND EXISTS ({CAMPAIGN} state = 'open')"


def upgrade() -> None:
    op.create_table("campaigns", *_campaign_columns())
    for names in (["state", "created_at", "id"], ["created_at", "id"]):
        op.create_index(f"ix_campaigns_{'_'.join(names)}", "campaigns", names)
    op.create_table("campaign_entries", *_entry_columns())
    for names in (["campaign_id", "created_at", "id"], ["demand_id"]):
        op.create_index(f"ix_campaign_entries_{'_'.join(names)}", "campaign_entries", names)
    _protect(
        "campaigns",
        reading=f"(SELECT is_signed_in()) AND state <> 'draft' OR {MANAGED}",
        inserting=MANAGED,
        updating=MANAGED,
        deleting="false",
    )
    _protect(
        "campaign_entries",
        reading=f"{OF_OWN_DEMAND} OR {OF_OWN_CAMPAIGN} OR (SELECT scope_name()) = 'index'",
        inserting=WHILE_OPEN,
        updating="false",
        deleting=WHILE_OPEN,
    )


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _campaign_columns() -> list[sa.Column[object] | sa.Constraint]:
    states = ("draft", "open", "closed", "consolidated", "published")
    return [
        *_record_columns(),
        sa.Column("batch", sa.String(100), nullable=False, comment="批次"),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*states, name="campaignstate", native_enum=False, length=50),
            nullable=False,
        ),
        sa.Column("region_code", sa.String(6), nullable=True),
        sa.Column("region_codes", ARRAY(sa.String(6)), nullable=False),
        sa.Column("industry_codes", ARRAY(sa.String(3)), nullable=False),
        sa.Column("technology_fields", ARRAY(sa.String(40)), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False, comment="the last day"),
        sa.Column("form_version", sa.String(50), nullable=False),
        sa.Column("responsible_department", sa.String(100), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=True, comment="entries at most"),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quota > 0", name="ck_campaigns_quota"),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.ForeignKeyConstraint(["region_code"], ["regions.code"], name="fk_campaigns_region_code"),
    ]


def _id(name: str, *, nullable: bool) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _entry_columns() -> list[sa.Column[object] | sa.Constraint]:
    keys = {
        "campaign_id": "campaigns.id",
        "demand_id": "demands.id",
        "account_id": "accounts.id",
    }
    return [
        *_record_columns(),
        *(_id(name, nullable=name == "account_id") for name in keys),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_entries"),
        *(
            sa.ForeignKeyConstraint([name], [target], name=f"fk_campaign_entries_{name}")
            for name, target in keys.items()
        ),
        sa.UniqueConstraint(
            "campaign_id", "demand_id", name="uq_campaign_entries_campaign_id_demand_id"
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
    op.drop_table("campaign_entries")
    op.drop_table("campaigns")
