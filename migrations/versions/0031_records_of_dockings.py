"""What is kept beside a docking, its deadlines, and contacts that both sides have released"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.online import create_index, drop_index

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

SIDES = ("expert", "enterprise", "staff")
KINDS = {
    "entrykind": ("contact", "visit", "minutes"),
    "channel": ("phone", "message", "email", "in_person", "online"),
    "agreementkind": ("development", "transfer", "license", "consulting", "service"),
    "agreementstate": ("drafted", "signed", "performed", "registered", "concluded"),
    "servicekind": (
        *("diagnosis", "training", "consulting", "novelty_search", "standards", "appraisal"),
        *("testing", "other"),
    ),
    "servicerecordstate": ("recorded", "confirmed", "disputed", "counted"),
}
PARTS = ("docking_log", "docking_attachments", "agreements", "service_records", "docking_ratings")

# The parties of a docking, as 0025 has them.
OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
DEMAND = "SELECT FROM demands AS demand WHERE demand.id = demand_id AND"
INVITED = "((SELECT scope_role()) = 'expert' AND invited_at IS NOT NULL AND is_me(expert_id))"
PARTY = f"(EXISTS ({DEMAND} ({OURS} OR {CARRIED})) OR {INVITED})"
DOCKING = "SELECT FROM dockings AS docking WHERE docking.id = docking_id"
SERVICE = "(SELECT scope_name()) = 'service'"
STAFF = "(SELECT is_staff())"
OF_SIDE = f"""(side = 'expert' AND {INVITED} OR side = 'enterprise' AND EXISTS ({DEMAND} {OURS})
    OR {STAFF})"""
# Who may read it of the expert's region stands in 0020.
REACHED = f"""EXISTS (SELECT FROM dockings AS docking
    WHERE docking.expert_id = expert_contacts.expert_id
      AND expert_accepted_at IS NOT NULL AND enterprise_accepted_at IS NOT NULL
      AND state NOT IN ('declined', 'expired', 'failed')
      AND EXISTS ({DEMAND} ({OURS} OR {CARRIED})))"""
OWN = """EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id AND
    (account_id = (SELECT scope_account()) OR (SELECT is_staff()) AND
    (starts_with(region_code, (SELECT staff_prefix()))
    OR (SELECT scope_role()) = 'administrator')))"""
SEALING = "(SELECT scope_name()) = 'sealing'"


def upgrade() -> None:
    _add_deadlines()
    for table, columns in _columns().items():
        op.create_table(table, *_part_columns(table), *columns)
        names = ["docking_id", "created_at", "id"]
        op.create_index(f"ix_{table}_{'_'.join(names)}", table, names)
    for table, names in (
        ("docking_log", ["docking_id", "happened_on", "id"]),
        ("agreements", ["state", "created_at", "id"]),
        ("agreements", ["created_at", "id"]),
        ("service_records", ["state", "created_at", "id"]),
        ("service_records", ["served_on", "id"]),
        ("service_records", ["created_at", "id"]),
    ):
        op.create_index(f"ix_{table}_{'_'.join(names)}", table, names)
    seen = f"EXISTS ({DOCKING})"
    _protect("docking_log", reading=f"{seen} AND (NOT is_for_staff OR {STAFF})", updating="false")
    _protect("docking_ratings", reading=f"EXISTS ({DOCKING} AND {OF_SIDE})", updating="false")
    for table in ("docking_attachments", "agreements", "service_records"):
        _protect(table, reading=seen, updating=f"EXISTS ({DOCKING} AND {PARTY})")
    _let_read_contacts(f"OR {REACHED}")


def _add_deadlines() -> None:
    moment = sa.DateTime(timezone=True)
    for column in (
        sa.Column(
            "confidentiality_accepted_at",
            moment,
            nullable=True,
            comment="since when the expert may read the demand in full",
        ),
        sa.Column("result_accepted_on", sa.Date(), nullable=True),
        sa.Column("follow_ups", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "due_on", sa.Date(), nullable=True, comment="the day by which the next step is due"
        ),
        sa.Column("reminded_on", sa.Date(), nullable=True),
        sa.Column("escalated_on", sa.Date(), nullable=True),
    ):
        op.add_column("dockings", column)
    create_index("ix_dockings_due_on", "dockings", ["due_on"])


def _of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=50)


def _part_columns(table: str) -> list[sa.Column[object] | sa.Constraint]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("docking_id", sa.Uuid(), nullable=False),
        sa.Column("side", _of("side", *SIDES), nullable=False, comment="of whom it comes"),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["docking_id"], ["dockings.id"], name=f"fk_{table}_docking_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=f"fk_{table}_account_id"),
    ]


def _kind(name: str, kind: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, _of(kind, *KINDS[kind]), nullable=nullable)


def _columns() -> dict[str, list[sa.Column[object] | sa.Constraint]]:
    moment, texts = sa.DateTime(timezone=True), ARRAY(sa.String())
    return {
        "docking_log": [
            _kind("kind", "entrykind"),
            _kind("channel", "channel", nullable=True),
            sa.Column("happened_on", sa.Date(), nullable=False),
            sa.Column("place", sa.String(300), nullable=False),
            sa.Column("participants", texts, nullable=False),
            sa.Column("text", sa.Text(), nullable=False),
            sa.Column(
                "is_for_staff", sa.Boolean(), nullable=False, comment="the two sides do not see it"
            ),
            sa.Column("corrects_id", sa.Uuid(), nullable=True),
            sa.ForeignKeyConstraint(
                ["corrects_id"], ["docking_log.id"], name="fk_docking_log_corrects_id"
            ),
            sa.UniqueConstraint("corrects_id", name="uq_docking_log_corrects_id"),
        ],
        "docking_attachments": [
            sa.Column("filename", sa.String(200), nullable=False),
            sa.Column(
                "media_type", sa.String(100), nullable=False, comment="told from the content"
            ),
            sa.Column("size", sa.Integer(), nullable=False, comment="bytes"),
            sa.Column("sha256", sa.String(64), nullable=False),
            sa.Column(
                "content", sa.LargeBinary(), nullable=True, comment="null once it was withdrawn"
            ),
            sa.Column("withdrawn_at", moment, nullable=True),
            sa.Column("withdrawal_reason", sa.String(), nullable=False),
        ],
        "agreements": _agreement_columns(),
        "service_records": _service_columns(),
        "docking_ratings": [
            sa.Column(
                "score",
                sa.Integer(),
                nullable=False,
                comment="1 to 5, very dissatisfied to very satisfied",
            ),
            sa.Column("text", sa.String(), nullable=False),
            sa.Column("is_noted_by_staff", sa.Boolean(), nullable=False),
            sa.CheckConstraint("score BETWEEN 1 AND 5", name="ck_docking_ratings_score"),
            sa.CheckConstraint("side <> 'staff'", name="ck_docking_ratings_side"),
        ],
    }


def _agreement_columns() -> list[sa.Column[object] | sa.Constraint]:
    money = sa.Numeric(14, 4)
    return [
        _kind("kind", "agreementkind"),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("parties", ARRAY(sa.String()), nullable=False),
        sa.Column("amount", money, nullable=True, comment="万元"),
        sa.Column("technology_amount", money, nullable=True, comment="万元, 技术交易额"),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=True),
        sa.Column(
            "registration_number", sa.String(), nullable=False, comment="技术合同认定登记编号"
        ),
        _kind("state", "agreementstate"),
        sa.CheckConstraint("technology_amount <= amount", name="ck_agreements_technology_amount"),
        sa.CheckConstraint("ends_on >= starts_on", name="ck_agreements_period"),
    ]


def _service_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        _kind("kind", "servicekind"),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("hours", sa.Numeric(5, 1), nullable=False),
        sa.Column("place", sa.String(300), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        _kind("state", "servicerecordstate"),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("satisfaction", sa.Integer(), nullable=True, comment="1 to 5"),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_noted_by_staff", sa.Boolean(), nullable=False),
        sa.CheckConstraint("hours > 0", name="ck_service_records_hours"),
        sa.CheckConstraint("satisfaction BETWEEN 1 AND 5", name="ck_service_records_satisfaction"),
    ]


def _protect(table: str, *, reading: str, updating: str) -> None:
    inserting = f"EXISTS ({DOCKING} AND {PARTY})"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING (({reading}) OR {SERVICE})",
        f"inserting ON {table} FOR INSERT WITH CHECK (({inserting}) OR {SERVICE})",
        f"updating ON {table} FOR UPDATE USING (({updating}) OR {SERVICE})"
        f" WITH CHECK (({updating}) OR {SERVICE})",
        f"deleting ON {table} FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def _let_read_contacts(more: str) -> None:
    """State the rule of 0020, and what more there is."""
    rule = f"{OWN} OR {SEALING} OR {SERVICE} {more}"
    op.execute(f"ALTER POLICY reading ON expert_contacts USING ({rule})")


def downgrade() -> None:
    op.execute("DROP SCHEMA IF EXISTS readable CASCADE")  # see app.postgres.roles
    _let_read_contacts("")
    for table in reversed(PARTS):
        op.drop_table(table)
    drop_index("ix_dockings_due_on")
    for column in (
        *("confidentiality_accepted_at", "result_accepted_on", "follow_ups"),
        *("due_on", "reminded_on", "escalated_on"),
    ):
        op.drop_column("dockings", column)
