"""Common technical problems: like demands of several enterprises, and who may read them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATES = ("proposed", "confirmed", "dismissed", "lapsed")

# Nothing of other tables is asked: the regions and enterprises of its demands stand in a problem.
OF_STAFF = """(
    (SELECT is_staff()) AND (array_remove(region_codes, NULL) = '{}' OR EXISTS (
        SELECT FROM unnest(region_codes) AS region(code)
        WHERE starts_with(region.code, (SELECT staff_prefix()))
    ))
)"""
TOLD = """(
    state = 'confirmed' AND (
        (SELECT scope_role()) = 'evaluator'
        OR organization_ids && (SELECT scope_organizations())::uuid[]
    )
)"""
PROPOSING = "(SELECT scope_name()) = 'problems'"
SERVICE = "(SELECT scope_name()) = 'service'"
PROBLEM = "SELECT FROM common_problems AS p WHERE p.id = problem_id"
OF_STAFF_PROBLEM = f"EXISTS ({PROBLEM} AND {OF_STAFF})"


def upgrade() -> None:
    op.create_table("common_problems", *_problem_columns())
    for name in ("search", "organization_ids"):
        op.create_index(
            f"ix_common_problems_{name}", "common_problems", [name], postgresql_using="gin"
        )
    for names in (
        ["state", "created_at", "id"],
        ["created_at", "id"],
        ["organization_count", "id"],
        ["extends_id"],
    ):
        op.create_index(f"ix_common_problems_{'_'.join(names)}", "common_problems", names)
    op.create_table("problem_members", *_member_columns())
    op.create_index("ix_problem_members_demand_id", "problem_members", ["demand_id"])
    _protect(
        "common_problems",
        reading=f"{OF_STAFF} OR {TOLD} OR {PROPOSING}",
        inserting=PROPOSING,
        updating=f"{OF_STAFF} OR {PROPOSING}",
        deleting="false",
    )
    # Who was told of a problem is not told what was taken out of it.
    _protect(
        "problem_members",
        reading=f"""
            NOT is_excluded AND EXISTS ({PROBLEM}) OR {OF_STAFF_PROBLEM} OR {PROPOSING}""",
        inserting=f"{OF_STAFF_PROBLEM} OR {PROPOSING}",
        updating=f"{OF_STAFF_PROBLEM} OR {PROPOSING}",
        deleting=PROPOSING,
    )


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _problem_columns() -> list[sa.Column[object] | sa.Constraint]:
    state = sa.Enum(*STATES, name="problemstate", native_enum=False, length=50)
    likeness = sa.Enum("near_duplicate", "similar", name="likeness", native_enum=False, length=50)
    return [
        *_record_columns(),
        sa.Column("state", state, nullable=False),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column(
            "is_edited",
            sa.Boolean(),
            nullable=False,
            comment="somebody has written title or statement, so no job does",
        ),
        sa.Column("likeness", likeness, nullable=False),
        sa.Column(
            "terms",
            postgresql.ARRAY(sa.String()),
            nullable=False,
            comment="what its demands share",
        ),
        sa.Column("organization_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("organization_count", sa.Integer(), nullable=False),
        sa.Column("demand_count", sa.Integer(), nullable=False),
        sa.Column(
            "region_codes",
            postgresql.ARRAY(sa.String(6)),
            nullable=False,
            comment="null: of a demand without a region",
        ),
        sa.Column("technology_fields", postgresql.ARRAY(sa.String(40)), nullable=False),
        sa.Column("disciplines", postgresql.ARRAY(sa.String(7)), nullable=False),
        sa.Column(
            "extends_id", sa.Uuid(), nullable=True, comment="a confirmed one with like demands"
        ),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_common_problems"),
        sa.ForeignKeyConstraint(
            ["extends_id"], ["common_problems.id"], name="fk_common_problems_extends_id"
        ),
    ]


def _member_columns() -> list[sa.Column[object] | sa.Constraint]:
    origin = sa.Enum("found", "added", name="origin", native_enum=False, length=50)
    return [
        *_record_columns(),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("origin", origin, nullable=False),
        sa.Column(
            "is_excluded",
            sa.Boolean(),
            nullable=False,
            comment="taken out by hand, and not proposed here again",
        ),
        sa.Column(
            "similarity", sa.Float(), nullable=True, comment="mean to the others; null: by hand"
        ),
        sa.Column("nearest_demand_id", sa.Uuid(), nullable=True, comment="the most like it"),
        sa.Column(
            "terms",
            postgresql.ARRAY(sa.String()),
            nullable=False,
            comment="shared with the nearest",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_problem_members"),
        sa.ForeignKeyConstraint(
            ["problem_id"], ["common_problems.id"], name="fk_problem_members_problem_id"
        ),
        sa.ForeignKeyConstraint(["demand_id"], ["demands.id"], name="fk_problem_members_demand_id"),
        sa.UniqueConstraint(
            "problem_id", "demand_id", name="uq_problem_members_problem_id_demand_id"
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
    op.drop_table("problem_members")
    op.drop_table("common_problems")
