"""Expert teams; who reads a team reads who is in it, and its members what it is for

Its enterprise and its members read of a team from its confirmation on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# The demand's parties, as 0025 has them.
OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
SHARED = """((SELECT is_staff()) AND EXISTS (SELECT FROM unnest(shared_region_codes) AS shared(code)
    WHERE starts_with(shared.code, (SELECT staff_prefix()))))"""
PUBLIC = "state IN ('published', 'docking', 'signed', 'follow_up', 'tracking')"
SERVICE = "(SELECT scope_name()) = 'service'"
SCOPE, KEY = "(SELECT scope_name())", "(SELECT scope_key())"
AS_EXPERT = "(SELECT scope_role()) = 'expert' AND"

DEMAND = "SELECT FROM demands AS demand WHERE demand.id = demand_id AND"
IS_MINE = f"({AS_EXPERT} id IN (SELECT own_teams()))"
READING = f"""EXISTS ({DEMAND} ({CARRIED} OR {SHARED}))
    OR confirmed_at IS NOT NULL AND (EXISTS ({DEMAND} {OURS}) OR {IS_MINE})"""
TEAM = "SELECT FROM teams AS team WHERE team.id = team_id"
FORMED_HERE = f"EXISTS ({TEAM} AND EXISTS ({DEMAND} {CARRIED}))"
DOCKED = "(SELECT scope_role()) <> '' AND is_docked_here(id)"
TEAMED = "(SELECT scope_role()) <> '' AND is_teamed_here(id)"
ASKED = f"{AS_EXPERT} is_asked_in_team(id)"
DOCKED_OF_BEFORE = "(SELECT scope_role()) <> '' AND id IN (SELECT docked_experts())"

# Of one row, by an index, and only where nothing before it in the rule lets the row be read. They
# look with the service's eyes, or the rules would ask each other for ever. The set of all experts
# who are docked, which 0025 made, was made for every row of a rule within a rule.
FUNCTIONS = """
CREATE FUNCTION own_teams() RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    RETURN QUERY SELECT team.id FROM teams AS team
        JOIN team_members AS member ON member.team_id = team.id
        JOIN experts AS expert ON expert.id = member.expert_id
        WHERE expert.account_id = me AND team.confirmed_at IS NOT NULL;
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
END $$;
CREATE FUNCTION is_asked_in_team(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
    found boolean;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := EXISTS (
        SELECT FROM teams AS team
        JOIN team_members AS member ON member.team_id = team.id
        JOIN experts AS expert ON expert.id = member.expert_id
        WHERE team.demand_id = wanted AND team.confirmed_at IS NOT NULL
          AND expert.account_id = me
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN found;
END $$;
CREATE FUNCTION is_teamed_here(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
    own uuid[] := scope_organizations();
    prefix text := staff_prefix();
    found boolean;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := EXISTS (
        SELECT FROM team_members AS member
        JOIN teams AS team ON team.id = member.team_id
        JOIN demands AS demand ON demand.id = team.demand_id
        WHERE member.expert_id = wanted AND (
            team.confirmed_at IS NOT NULL AND (
                demand.organization_id = ANY (own)
                OR EXISTS (
                    SELECT FROM team_members AS mine
                    JOIN experts AS expert ON expert.id = mine.expert_id
                    WHERE mine.team_id = team.id AND expert.account_id = me
                )
            )
            OR prefix IS NOT NULL AND (
                demand.region_code IS NULL OR starts_with(demand.region_code, prefix)
                OR starts_with(demand.handed_to_region_code, prefix)
                OR EXISTS (SELECT FROM unnest(demand.shared_region_codes) AS shared(code)
                           WHERE starts_with(shared.code, prefix))
            )
        )
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN found;
END $$;
CREATE FUNCTION is_docked_here(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    own uuid[] := scope_organizations();
    prefix text := staff_prefix();
    found boolean;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := EXISTS (
        SELECT FROM dockings AS docking JOIN demands AS demand ON demand.id = docking.demand_id
        WHERE docking.expert_id = wanted AND (
            demand.organization_id = ANY (own)
            OR prefix IS NOT NULL AND (
                demand.region_code IS NULL OR starts_with(demand.region_code, prefix)
                OR starts_with(demand.handed_to_region_code, prefix)
                OR EXISTS (SELECT FROM unnest(demand.shared_region_codes) AS shared(code)
                           WHERE starts_with(shared.code, prefix))
            )
        )
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN found;
END $$;
-- As 0013 has it, but found by its account: a rule is asked of no other expert.
CREATE OR REPLACE FUNCTION is_me(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (
    SELECT FROM experts AS e WHERE e.account_id = (SELECT scope_account()) AND e.id = wanted
); END $$;
"""


def upgrade() -> None:
    op.create_table("teams", *_team_columns())
    for names in (
        ["demand_id", "created_at", "id"],
        ["state", "created_at", "id"],
        ["created_at", "id"],
    ):
        op.create_index(f"ix_teams_{'_'.join(names)}", "teams", names)
    op.create_table("team_members", *_member_columns())
    op.create_index("ix_team_members_expert_id", "team_members", ["expert_id"])
    op.execute(FUNCTIONS)
    carried = f"EXISTS ({DEMAND} {CARRIED})"
    _protect("teams", reading=READING, inserting=carried, updating=carried, deleting="false")
    _protect(
        "team_members",
        reading=f"EXISTS ({TEAM})",
        inserting=FORMED_HERE,
        updating="false",
        deleting=FORMED_HERE,
    )
    _let_read_experts(f"OR {DOCKED} OR {TEAMED}")
    _let_read_demands(f"OR {ASKED}")


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


def _team_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column(
            "state",
            _of("teamstate", "forming", "confirmed", "serving", "dissolved"),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column(
            "confirmed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when its enterprise and its members read it",
        ),
        sa.CheckConstraint("ends_on >= starts_on", name="ck_teams_period"),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        sa.ForeignKeyConstraint(["demand_id"], ["demands.id"], name="fk_teams_demand_id"),
    ]


def _member_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("role", _of("teamrole", "chief", "member"), nullable=False),
        sa.Column("aspects", ARRAY(sa.String()), nullable=False, comment="what they are there for"),
        sa.PrimaryKeyConstraint("id", name="pk_team_members"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_team_members_team_id"),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name="fk_team_members_expert_id"),
        sa.UniqueConstraint("team_id", "expert_id", name="uq_team_members_team_id_expert_id"),
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


def _let_read_experts(more: str) -> None:
    """State the rule of 0025, and what more there is."""
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


def _let_read_demands(more: str) -> None:
    """State the rule of 0032, and what more there is."""
    op.execute(
        f"""
        ALTER POLICY reading ON demands USING (
            {PUBLIC} AND ((SELECT reads_pool()) OR {SCOPE} = 'index')
            OR {OURS} OR {CARRIED} OR {SHARED}
            OR {SCOPE} = 'lookup' AND {KEY} = external_id
            OR {SCOPE} = 'import' AND (SELECT is_signed_in())
            OR {SCOPE} IN ('sealing', 'service')
            OR {SCOPE} = 'handover' AND id::text = {KEY}
            OR {AS_EXPERT} has_readable_run(id) {more})
        """
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA IF EXISTS readable CASCADE")  # see app.postgres.roles
    _let_read_experts(f"OR {DOCKED_OF_BEFORE}")
    _let_read_demands("")
    op.drop_table("team_members")
    op.drop_table("teams")
    for name in ("is_docked_here", "is_teamed_here", "is_asked_in_team", "own_teams"):
        op.execute(f"DROP FUNCTION {name}")
