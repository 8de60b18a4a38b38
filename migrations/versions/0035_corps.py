"""Service corps; a service is rendered in a docking, or by a corps to an enterprise without one

Staff of its region, its lead society and its members read a corps; once it is dispatched so do all
staff, evaluators, and the enterprises of the regions that it serves.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.online import create_index, drop_index, require_values, validate

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SERVICE = "(SELECT scope_name()) = 'service'"
AS_EXPERT = "(SELECT scope_role()) = 'expert' AND"
OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
HERE = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))))"""
LED = "lead_organization_id = ANY ((SELECT scope_organizations())::uuid[])"
IS_MINE = f"({AS_EXPERT} id IN (SELECT own_corps()))"
SERVED = """EXISTS (SELECT FROM organizations AS served, unnest(region_codes) AS place(code)
    WHERE served.id = ANY ((SELECT scope_organizations())::uuid[])
      AND starts_with(served.region_code, regexp_replace(place.code, '(00)+$', '')))"""
READING = f"""{HERE} OR {LED} OR {IS_MINE}
    OR dispatched_at IS NOT NULL AND ((SELECT reads_pool()) OR {SERVED})"""
CORPS = "SELECT FROM corps WHERE corps.id = corps_id"

# The parties of a docking, as 0031 has them.
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
DEMAND = "SELECT FROM demands AS demand WHERE demand.id = demand_id AND"
INVITED = "((SELECT scope_role()) = 'expert' AND invited_at IS NOT NULL AND is_me(expert_id))"
PARTY = f"(EXISTS ({DEMAND} ({OURS} OR {CARRIED})) OR {INVITED})"
DOCKING = "SELECT FROM dockings AS docking WHERE docking.id = docking_id"
# Of a service without a docking: those who render it, and the enterprise.
RENDERING = f"docking_id IS NULL AND EXISTS ({CORPS} AND ({HERE} OR {IS_MINE}))"
RENDERED = f"docking_id IS NULL AND {OURS}"

OF = """CASE WHEN docking_id IS NULL THEN corps_id IS NOT NULL AND organization_id IS NOT NULL
    ELSE organization_id IS NULL AND expert_id IS NULL END"""
REFERENCES = {"corps_id": "corps", "organization_id": "organizations", "expert_id": "experts"}
COMMENTS = {
    "organization_id": "whom a corps has served without a docking",
    "expert_id": "who of the corps; null: several, or it was erased",
}

# They look with the service's eyes, as those of 0033, and for the same reason.
FUNCTIONS = """
CREATE FUNCTION own_corps() RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    RETURN QUERY SELECT member.corps_id FROM corps_members AS member
        JOIN experts AS expert ON expert.id = member.expert_id
        WHERE expert.account_id = me;
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
END $$;
CREATE FUNCTION is_in_corps_here(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
    own uuid[] := scope_organizations();
    prefix text := staff_prefix();
    sees_open boolean := reads_pool();
    found boolean;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := EXISTS (
        SELECT FROM corps_members AS member JOIN corps ON corps.id = member.corps_id
        WHERE member.expert_id = wanted AND (
            prefix IS NOT NULL
                AND (corps.region_code IS NULL OR starts_with(corps.region_code, prefix))
            OR corps.lead_organization_id = ANY (own)
            OR EXISTS (
                SELECT FROM corps_members AS mine
                JOIN experts AS expert ON expert.id = mine.expert_id
                WHERE mine.corps_id = corps.id AND expert.account_id = me
            )
            OR corps.dispatched_at IS NOT NULL AND (
                sees_open
                OR EXISTS (
                    SELECT FROM organizations AS served, unnest(corps.region_codes) AS place(code)
                    WHERE served.id = ANY (own)
                      AND starts_with(served.region_code, regexp_replace(place.code, '(00)+$', ''))
                )
            )
        )
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN found;
END $$;
-- Whoever reads a corps is told of all its services how many they are, and not which.
CREATE FUNCTION corps_totals(wanted uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    found jsonb;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := (
        SELECT jsonb_build_object(
            'service_count', count(*),
            'hours', coalesce(sum(record.hours), 0),
            'enterprise_count',
                count(DISTINCT coalesce(record.organization_id, demand.organization_id)),
            'mean_satisfaction', round(avg(record.satisfaction), 2)
        )
        FROM service_records AS record
        LEFT JOIN dockings AS docking ON docking.id = record.docking_id
        LEFT JOIN demands AS demand ON demand.id = docking.demand_id
        WHERE record.corps_id = wanted AND record.state IN ('confirmed', 'counted')
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN found;
END $$;
"""

# As 0033 has it, and what a corps adds: whom a team or a corps brings before the reader.
TEAMED = """
CREATE OR REPLACE FUNCTION is_teamed_here(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
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
    RETURN {found};
END $$;
"""


def upgrade() -> None:
    """What makes the tables is one transaction; a run that was cut off after it goes on there."""
    if not sa.inspect(op.get_bind()).has_table("corps"):
        _make_corps()
        _let_corps_serve()
    for name in (*(f"fk_service_records_{c}" for c in REFERENCES), "ck_service_records_of"):
        validate("service_records", name)
    create_index(
        "ix_service_records_corps_id_created_at_id",
        "service_records",
        ["corps_id", "created_at", "id"],
    )
    for column in ("organization_id", "expert_id"):
        create_index(f"ix_service_records_{column}", "service_records", [column])


def _make_corps() -> None:
    op.create_table("corps", *_corps_columns())
    for names in (["state", "created_at", "id"], ["created_at", "id"], ["year", "id"]):
        op.create_index(f"ix_corps_{'_'.join(names)}", "corps", names)
    op.create_index("ix_corps_lead_organization_id", "corps", ["lead_organization_id"])
    op.create_table("corps_members", *_member_columns())
    op.create_index("ix_corps_members_expert_id", "corps_members", ["expert_id"])
    op.execute(FUNCTIONS)
    op.execute(TEAMED.format(found="found OR is_in_corps_here(wanted)"))
    _protect("corps", reading=READING, inserting=HERE, updating=HERE, deleting="false")
    formed_here = f"EXISTS ({CORPS} AND {HERE})"
    _protect(
        "corps_members",
        reading=f"EXISTS ({CORPS})",
        inserting=formed_here,
        updating="false",
        deleting=formed_here,
    )


def _let_corps_serve() -> None:
    op.execute("ALTER TABLE service_records ALTER COLUMN docking_id DROP NOT NULL")
    for column, table in REFERENCES.items():
        added = sa.Column(column, sa.Uuid(), nullable=True, comment=COMMENTS.get(column))
        op.add_column("service_records", added)
        op.execute(
            f"ALTER TABLE service_records ADD CONSTRAINT fk_service_records_{column}"
            f" FOREIGN KEY ({column}) REFERENCES {table} (id) NOT VALID"
        )
    op.execute(
        f"ALTER TABLE service_records ADD CONSTRAINT ck_service_records_of CHECK ({OF}) NOT VALID"
    )
    seen, party = f"EXISTS ({DOCKING})", f"EXISTS ({DOCKING} AND {PARTY})"
    _alter_rules(
        reading=f"{seen} OR {RENDERING} OR {RENDERED}",
        inserting=f"{party} OR {RENDERING}",
        updating=f"{party} OR {RENDERING} OR {RENDERED}",
    )


def _alter_rules(*, reading: str, inserting: str, updating: str) -> None:
    for statement in (
        f"reading ON service_records USING (({reading}) OR {SERVICE})",
        f"inserting ON service_records WITH CHECK (({inserting}) OR {SERVICE})",
        f"updating ON service_records USING (({updating}) OR {SERVICE})"
        f" WITH CHECK (({updating}) OR {SERVICE})",
    ):
        op.execute(f"ALTER POLICY {statement}")


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


def _corps_columns() -> list[sa.Column[object] | sa.Constraint]:
    moment = sa.DateTime(timezone=True)
    levels = _of("corpslevel", "national", "provincial", "municipal", "county")
    kinds = ("service_corps", "service_team", "technology_managers", "technology_commissioners")
    states = _of("corpsstate", "forming", "dispatched", "service_recorded", "evaluated")
    grades = _of("corpsgrade", "excellent", "good", "qualified", "unqualified")
    since = "since when others than its own read it"
    return [
        *_record_columns(),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("level", levels, nullable=False),
        sa.Column("kind", _of("corpskind", *kinds), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("lead_organization_id", sa.Uuid(), nullable=False),
        sa.Column("region_code", sa.String(6), nullable=True, comment="whose staff form it"),
        sa.Column("industries", ARRAY(sa.String(3)), nullable=False),
        sa.Column("region_codes", ARRAY(sa.String(6)), nullable=False, comment="served by it"),
        sa.Column("state", states, nullable=False),
        sa.Column("dispatched_at", moment, nullable=True, comment=since),
        sa.Column("grade", grades, nullable=True),
        sa.Column("evaluation", sa.String(), nullable=False),
        sa.Column("evaluated_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_corps"),
        sa.ForeignKeyConstraint(
            ["lead_organization_id"], ["organizations.id"], name="fk_corps_lead_organization_id"
        ),
        sa.ForeignKeyConstraint(["region_code"], ["regions.code"], name="fk_corps_region_code"),
    ]


def _member_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("corps_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("role", _of("corpsrole", "leader", "member"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_corps_members"),
        sa.ForeignKeyConstraint(["corps_id"], ["corps.id"], name="fk_corps_members_corps_id"),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name="fk_corps_members_expert_id"),
        sa.UniqueConstraint("corps_id", "expert_id", name="uq_corps_members_corps_id_expert_id"),
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
    """Services that were rendered without a docking go: before, there were none."""
    op.execute("DROP SCHEMA IF EXISTS readable CASCADE")  # see app.postgres.roles
    party = f"EXISTS ({DOCKING} AND {PARTY})"
    _alter_rules(reading=f"EXISTS ({DOCKING})", inserting=party, updating=party)
    drop_index("ix_service_records_corps_id_created_at_id")
    op.execute("ALTER TABLE service_records DROP CONSTRAINT ck_service_records_of")
    op.execute("DELETE FROM service_records WHERE docking_id IS NULL")
    for column in REFERENCES:
        op.drop_column("service_records", column)
    require_values("service_records", "docking_id")
    op.execute(TEAMED.format(found="found"))
    op.drop_table("corps_members")
    op.drop_table("corps")
    for name in ("own_corps", "is_in_corps_here", "corps_totals"):
        op.execute(f"DROP FUNCTION {name}")
