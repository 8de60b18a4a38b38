"""What follows on a common problem's confirmation: signatures, shares of the cost, a joint team

Whose a problem is stands in it, as before: `organization_ids` until it is signed for, and after
that the co-signers, one of whom leads. What is published is open to everybody signed in.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import online

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

UNDERTAKEN = "'co_signed', 'merged', 'published', 'joint_work', 'accepted', 'ended'"
TOLD_STATES = f"'confirmed', {UNDERTAKEN}"
OPEN = "state IN ('published', 'joint_work', 'accepted')"

MINE = "(SELECT scope_organizations())::uuid[]"
# As in 0019.
OF_STAFF = """(
    (SELECT is_staff()) AND (array_remove(region_codes, NULL) = '{}' OR EXISTS (
        SELECT FROM unnest(region_codes) AS region(code)
        WHERE starts_with(region.code, (SELECT staff_prefix()))
    ))
)"""


def told(states: str) -> str:
    return f"""(
        state IN ({states}) AND (
            (SELECT scope_role()) = 'evaluator' OR organization_ids && {MINE}
        )
    )"""


TOLD, TOLD_OF_BEFORE = told(TOLD_STATES), told("'confirmed'")
# Each enterprise for itself, until one of them leads.
ACTING = f"""(
    state IN ({TOLD_STATES}) AND (
        lead_organization_id IS NULL AND organization_ids && {MINE}
        OR lead_organization_id = ANY ({MINE})
    )
)"""
PROPOSING = "(SELECT scope_name()) = 'problems'"
SERVICE = "(SELECT scope_name()) = 'service'"
PROBLEM = "SELECT FROM common_problems AS p WHERE p.id = problem_id"
OURS = f"organization_id = ANY ({MINE})"
OF_STAFF_PROBLEM = f"EXISTS ({PROBLEM} AND {OF_STAFF})"
HAS_SIGNED = f"EXISTS ({PROBLEM} AND co_signer_ids && {MINE})"
ANSWERING = f"""EXISTS ({PROBLEM} AND p.state = 'confirmed'
    AND organization_id = ANY (p.organization_ids) AND ({OF_STAFF} OR {OURS}))"""
TEAMING = f"EXISTS ({PROBLEM} AND p.state IN ('published', 'joint_work') AND {OF_STAFF})"

# Of one problem, by its key. It looks with the service's eyes: a rule may not ask its own table.
IN_TEAM = """
CREATE FUNCTION is_in_joint_team(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
    found boolean;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := EXISTS (
        SELECT FROM problem_experts AS member
        JOIN experts AS expert ON expert.id = member.expert_id
        WHERE member.problem_id = wanted AND expert.account_id = me
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN found;
END $$
"""
# A CHECK sees one row alone; who takes the step reads all signatures, or it would be refused.
SIGNED = """
CREATE FUNCTION refuse_without_signatures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(NEW.co_signer_ids) < 2
        OR NEW.lead_organization_id IS NULL
        OR NOT NEW.lead_organization_id = ANY (NEW.co_signer_ids)
        OR (SELECT coalesce(sum(share), 0) FROM problem_signatures WHERE problem_id = NEW.id) <> 100
    THEN
        RAISE EXCEPTION 'not two have signed, none of them leads, or the shares are not 100 in all'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
GUARD = f"""
CREATE TRIGGER refuse_without_signatures BEFORE UPDATE OF state ON common_problems FOR EACH ROW
    WHEN (NEW.state IN ({UNDERTAKEN}) AND NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION refuse_without_signatures()
"""


def upgrade() -> None:
    for column in (
        sa.Column(
            "co_signer_ids",
            postgresql.ARRAY(sa.Uuid()),
            server_default="{}",
            nullable=False,
            comment="the enterprises that have signed; once it is undertaken, whose it is",
        ),
        sa.Column(
            "lead_organization_id", sa.Uuid(), nullable=True, comment="one of the co-signers"
        ),
    ):
        op.add_column("common_problems", column)
    op.create_table("problem_signatures", *_signature_columns())
    op.create_index(
        "ix_problem_signatures_organization_id", "problem_signatures", ["organization_id"]
    )
    op.create_table("problem_experts", *_expert_columns())
    op.create_index("ix_problem_experts_expert_id", "problem_experts", ["expert_id"])
    for statement in (IN_TEAM, SIGNED, GUARD):
        op.execute(statement)
    _protect(
        "problem_signatures",
        reading=f"{OURS} OR {OF_STAFF_PROBLEM} OR answer = 'signed' AND {HAS_SIGNED}"
        f" OR {PROPOSING}",
        inserting=ANSWERING,
        updating=ANSWERING,
        deleting=f"EXISTS ({PROBLEM} AND p.state NOT IN ({UNDERTAKEN}) AND {OF_STAFF})"
        f" OR {PROPOSING}",
    )
    _protect(
        "problem_experts",
        reading=f"{OF_STAFF_PROBLEM} OR {HAS_SIGNED}"
        " OR (SELECT scope_role()) = 'expert' AND is_in_joint_team(problem_id)",
        inserting=TEAMING,
        updating="false",
        deleting=TEAMING,
    )
    _let_read(
        f"{TOLD} OR {OPEN} AND (SELECT is_signed_in())",
        members=f"NOT is_excluded AND EXISTS ({PROBLEM} AND {TOLD})",
    )
    _let_update(f"OR {ACTING}")


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _keys(table: str, column: str, target: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["problem_id"], ["common_problems.id"], name=f"fk_{table}_problem_id"
        ),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}"),
        sa.UniqueConstraint("problem_id", column, name=f"uq_{table}_problem_id_{column}"),
    ]


def _signature_columns() -> list[sa.Column[object] | sa.Constraint]:
    answer = sa.Enum("signed", "declined", name="answer", native_enum=False, length=50)
    return [
        *_record_columns(),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("answer", answer, nullable=False),
        sa.Column("share", sa.Numeric(5, 2), nullable=True, comment="percent of the cost"),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("is_noted_by_staff", sa.Boolean(), nullable=False),
        *_keys("problem_signatures", "organization_id", "organizations"),
        sa.CheckConstraint("share > 0 AND share <= 100", name="ck_problem_signatures_share"),
        sa.CheckConstraint(
            "(answer = 'signed') = (share IS NOT NULL)",
            name="ck_problem_signatures_signed_for_a_share",
        ),
    ]


def _expert_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("is_chief", sa.Boolean(), nullable=False),
        *_keys("problem_experts", "expert_id", "experts"),
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


def _let_read(problems: str, *, members: str) -> None:
    """State the rules of 0019 with who else is told."""
    rules = {
        "common_problems": f"{OF_STAFF} OR {problems} OR {PROPOSING} OR {SERVICE}",
        "problem_members": f"{members} OR {OF_STAFF_PROBLEM} OR {PROPOSING} OR {SERVICE}",
    }
    for table, rule in rules.items():
        op.execute(f"ALTER POLICY reading ON {table} USING ({rule})")


def _let_update(more: str) -> None:
    """State the rule of 0019, and what more there is."""
    rule = f"{OF_STAFF} OR {PROPOSING} OR {SERVICE} {more}"
    op.execute(f"ALTER POLICY updating ON common_problems USING ({rule}) WITH CHECK ({rule})")


def downgrade() -> None:
    """A problem that is under way is a confirmed one to the service of before."""
    some = f"SELECT id FROM common_problems WHERE state IN ({UNDERTAKEN}) LIMIT 1000"
    online.repeat(f"UPDATE common_problems SET state = 'confirmed' WHERE id IN ({some})")
    _let_update("")
    _let_read(TOLD_OF_BEFORE, members=f"NOT is_excluded AND EXISTS ({PROBLEM})")
    op.execute("DROP TRIGGER refuse_without_signatures ON common_problems")
    for table in ("problem_experts", "problem_signatures"):
        op.drop_table(table)
    for name in ("refuse_without_signatures", "is_in_joint_team"):
        op.execute(f"DROP FUNCTION {name}")
    for column in ("lead_organization_id", "co_signer_ids"):
        op.drop_column("common_problems", column)
