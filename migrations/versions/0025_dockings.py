"""Dockings and their steps; who reads a docking reads who its expert is

An expert reads of a docking from the first invitation on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

STATES = (
    *("recommended", "invited", "contacted", "visited", "negotiating", "intent", "signed"),
    *("in_progress", "accepted", "followed_up", "declined", "expired", "failed"),
)
SETBACKS = (
    *("no_time", "out_of_field", "conflict_of_interest", "terms", "budget", "infeasible"),
    *("solved_elsewhere", "demand_withdrawn", "expert_left", "no_answer", "other"),
)
SIDES = ("expert", "enterprise", "staff")

# The demand's parties, as its own rules have them.
OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
SHARED = """((SELECT is_staff()) AND EXISTS (SELECT FROM unnest(shared_region_codes) AS shared(code)
    WHERE starts_with(shared.code, (SELECT staff_prefix()))))"""
DEMAND = "SELECT FROM demands AS demand WHERE demand.id = demand_id AND"
INVITED = "((SELECT scope_role()) = 'expert' AND invited_at IS NOT NULL AND is_me(expert_id))"
PARTY = f"(EXISTS ({DEMAND} ({OURS} OR {CARRIED})) OR {INVITED})"
DOCKING = "SELECT FROM dockings AS docking WHERE docking.id = docking_id"
SERVICE = "(SELECT scope_name()) = 'service'"

# Asked once for a statement. It looks with the service's eyes, or the rules of dockings and of
# experts would ask each other for ever.
DOCKED_EXPERTS = """
CREATE FUNCTION docked_experts() RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    own uuid[] := scope_organizations();
    prefix text := staff_prefix();
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    RETURN QUERY SELECT docking.expert_id FROM dockings AS docking
        JOIN demands AS demand ON demand.id = docking.demand_id
        WHERE demand.organization_id = ANY (own)
           OR prefix IS NOT NULL AND (
               demand.region_code IS NULL OR starts_with(demand.region_code, prefix)
               OR starts_with(demand.handed_to_region_code, prefix)
               OR EXISTS (SELECT FROM unnest(demand.shared_region_codes) AS shared(code)
                          WHERE starts_with(shared.code, prefix))
           );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
END $$;
"""
DOCKED = "(SELECT scope_role()) <> '' AND id IN (SELECT docked_experts())"


def upgrade() -> None:
    op.create_table("dockings", *_docking_columns())
    for names in (
        ["demand_id", "created_at", "id"],
        ["expert_id", "created_at", "id"],
        ["state", "created_at", "id"],
        ["created_at", "id"],
        ["match_id"],
    ):
        op.create_index(f"ix_dockings_{'_'.join(names)}", "dockings", names)
    op.create_index(
        "uq_dockings_open",
        "dockings",
        ["demand_id", "expert_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('declined', 'expired', 'failed', 'followed_up')"),
    )
    op.create_table("docking_steps", *_step_columns())
    names = ["docking_id", "created_at", "id"]
    op.create_index(f"ix_docking_steps_{'_'.join(names)}", "docking_steps", names)
    _protect(
        "dockings",
        reading=f"EXISTS ({DEMAND} ({OURS} OR {CARRIED} OR {SHARED})) OR {INVITED}",
        inserting=f"EXISTS ({DEMAND} {CARRIED})",
        updating=PARTY,
    )
    _protect(
        "docking_steps",
        reading=f"EXISTS ({DOCKING})",
        inserting=f"EXISTS ({DOCKING} AND {PARTY})",
        updating="false",
    )
    op.execute(DOCKED_EXPERTS)
    _let_read_experts(f"OR {DOCKED}")


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


def _docking_columns() -> list[sa.Column[object] | sa.Constraint]:
    moment = sa.DateTime(timezone=True)
    return [
        *_record_columns(),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("state", _of("dockingstate", *STATES), nullable=False),
        sa.Column("setback", _of("setback", *SETBACKS), nullable=True),
        sa.Column("invited_at", moment, nullable=True, comment="the latest invitation"),
        sa.Column("expert_accepted_at", moment, nullable=True),
        sa.Column("enterprise_accepted_at", moment, nullable=True),
        sa.Column("closed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_dockings"),
        *(
            sa.ForeignKeyConstraint([column], [target], name=f"fk_dockings_{column}")
            for column, target in (
                ("demand_id", "demands.id"),
                ("expert_id", "experts.id"),
                ("match_id", "matches.id"),
            )
        ),
    ]


def _step_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("docking_id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column(
            "state",
            _of("dockingstate", *STATES),
            nullable=False,
            comment="in which it left the docking",
        ),
        sa.Column(
            "side",
            _of("side", *SIDES),
            nullable=False,
            comment="whose step it was, also when staff noted it",
        ),
        sa.Column("is_noted_by_staff", sa.Boolean(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("setback", _of("setback", *SETBACKS), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_docking_steps"),
        *(
            sa.ForeignKeyConstraint([column], [target], name=f"fk_docking_steps_{column}")
            for column, target in (("docking_id", "dockings.id"), ("account_id", "accounts.id"))
        ),
    ]


def _protect(table: str, *, reading: str, inserting: str, updating: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING (({reading}) OR {SERVICE})",
        f"inserting ON {table} FOR INSERT WITH CHECK (({inserting}) OR {SERVICE})",
        f"updating ON {table} FOR UPDATE USING (({updating}) OR {SERVICE})"
        f" WITH CHECK (({updating}) OR {SERVICE})",
        f"deleting ON {table} FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def _let_read_experts(more: str) -> None:
    """State the rule of 0013, and what more there is."""
    named = "(SELECT scope_name()) = 'lookup' AND (SELECT scope_key()) IN"
    op.execute(
        f"""
        ALTER POLICY reading ON experts USING (
            account_id = (SELECT scope_account()) OR {OURS}
            OR (SELECT is_staff()) AND (region_code IS NULL
                OR starts_with(region_code, (SELECT staff_prefix())))
            OR {named} (external_id, account_id::text)
            OR (SELECT scope_name()) = 'import' AND (SELECT is_signed_in())
            OR state = 'in_pool' AND (
                (SELECT reads_pool()) OR (SELECT scope_name()) IN ('index', 'judging'))
            OR (SELECT scope_name()) = 'matches' AND is_matched_here(id)
            OR (SELECT scope_name()) = 'recommendations' AND is_recommended_here(id)
            OR {SERVICE} {more})
        """
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA IF EXISTS readable CASCADE")  # see app.postgres.roles
    _let_read_experts("")
    op.execute("DROP FUNCTION docked_experts")
    op.drop_table("docking_steps")
    op.drop_table("dockings")
