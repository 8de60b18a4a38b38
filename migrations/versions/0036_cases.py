"""Cases: told to everybody signed in once each party to one has consented, till then to its own"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

SERVICE = "(SELECT scope_name()) = 'service'"
AS_EXPERT = "(SELECT scope_role()) = 'expert' AND"
OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
HERE = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))))"""
IS_MINE = f"({AS_EXPERT} id IN (SELECT own_cases()))"
OWN = f"{HERE} OR {OURS} OR {IS_MINE}"
CASE = "SELECT FROM cases WHERE cases.id = case_id"
HELD_HERE = f"EXISTS ({CASE} AND {HERE})"

# It looks with the service's eyes, as those of 0033, and for the same reason.
OWN_CASES = """
CREATE FUNCTION own_cases() RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    RETURN QUERY SELECT party.case_id FROM case_parties AS party
        JOIN experts AS expert ON expert.id = party.expert_id
        WHERE expert.account_id = me;
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
END $$;
"""


def upgrade() -> None:
    op.create_table("cases", *_case_columns())
    for names in (
        ["state", "created_at", "id"],
        ["created_at", "id"],
        ["organization_id"],
        ["demand_id"],
        ["docking_id"],
    ):
        op.create_index(f"ix_cases_{'_'.join(names)}", "cases", names)
    op.create_table("case_parties", *_party_columns())
    op.create_index("ix_case_parties_expert_id", "case_parties", ["expert_id"])
    op.create_index(
        "uq_case_parties_enterprise",
        "case_parties",
        ["case_id"],
        unique=True,
        postgresql_where=sa.text("expert_id IS NULL"),
    )
    op.execute(OWN_CASES)
    is_told = "state = 'published' AND (SELECT scope_role()) <> ''"
    _protect("cases", reading=f"{is_told} OR {OWN}", inserting=HERE, updating=OWN, deleting="false")
    # Nobody gives another's consent: staff name parties, and each consents for itself.
    _protect(
        "case_parties",
        reading=f"EXISTS ({CASE})",
        inserting=f"consented_at IS NULL AND {HELD_HERE}",
        updating=f"expert_id IS NULL AND EXISTS ({CASE} AND {OURS})"
        f" OR {AS_EXPERT} is_me(expert_id)",
        deleting=HELD_HERE,
    )


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _case_columns() -> list[sa.Column[object] | sa.Constraint]:
    states = sa.Enum(
        *("collected", "reviewed", "published"), name="casestate", native_enum=False, length=50
    )
    references = {
        "demand_id": "demands.id",
        "docking_id": "dockings.id",
        "organization_id": "organizations.id",
        "region_code": "regions.code",
    }
    return [
        *_record_columns(),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("background", sa.String(), nullable=False),
        sa.Column("solution", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("docking_id", sa.Uuid(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="the demand's enterprise"),
        sa.Column("region_code", sa.String(6), nullable=True, comment="whose staff collect it"),
        sa.Column("state", states, nullable=False),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        *(
            sa.ForeignKeyConstraint([column], [target], name=f"fk_cases_{column}")
            for column, target in references.items()
        ),
    ]


def _party_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=True, comment="null: the enterprise"),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "shown_as", sa.String(100), nullable=False, comment="by its own wish; empty: unnamed"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_case_parties"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_parties_case_id"),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name="fk_case_parties_expert_id"),
        sa.UniqueConstraint("case_id", "expert_id", name="uq_case_parties_case_id_expert_id"),
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
    op.drop_table("case_parties")
    op.drop_table("cases")
    op.execute("DROP FUNCTION own_cases")
