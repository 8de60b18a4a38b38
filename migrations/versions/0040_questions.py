"""Government questions and the experts who are consulted; an opinion is written once"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

STATES = ("raised", "accepted", "studied", "reported", "adopted", "declined")

HERE = "((SELECT is_staff()) AND starts_with(region_code, (SELECT staff_prefix())))"
ASKS = "commissioning_organization_id = ANY ((SELECT scope_organizations())::uuid[])"
AS_EXPERT = "(SELECT scope_role()) = 'expert' AND"
OF_MINE = f"({AS_EXPERT} is_me(expert_id))"
SERVICE = "(SELECT scope_name()) = 'service'"
OF_STAFF_QUESTION = (
    f"EXISTS (SELECT FROM questions AS question WHERE question.id = question_id AND {HERE})"
)

# Of one question, by its key. It looks with the service's eyes, or the rules of the two tables
# would ask each other for ever.
IS_CONSULTED = """
CREATE FUNCTION is_consulted(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    me uuid := scope_account();
    found boolean;
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    found := EXISTS (
        SELECT FROM consultations AS consultation
        JOIN experts AS expert ON expert.id = consultation.expert_id
        WHERE consultation.question_id = wanted AND expert.account_id = me
    );
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN found;
END $$
"""


def upgrade() -> None:
    op.create_table("questions", *_question_columns())
    for names in (
        ["state", "created_at", "id"],
        ["created_at", "id"],
        ["due_on", "id"],
        ["commissioning_organization_id"],
    ):
        op.create_index(f"ix_questions_{'_'.join(names)}", "questions", names)
    op.create_table("consultations", *_consultation_columns())
    for names in (["expert_id"], ["question_id", "created_at", "id"]):
        op.create_index(f"ix_consultations_{'_'.join(names)}", "consultations", names)
    op.execute(IS_CONSULTED)
    _protect(
        "questions",
        reading=f"{HERE} OR {ASKS} OR {AS_EXPERT} is_consulted(id)",
        inserting=HERE,
        meeting=HERE,
        leaving=HERE,
    )
    _protect(
        "consultations",
        reading=f"{OF_STAFF_QUESTION} OR {OF_MINE}",
        inserting=OF_STAFF_QUESTION,
        meeting=f"{OF_MINE} AND submitted_at IS NULL",
        leaving=OF_MINE,
    )


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _question_columns() -> list[sa.Column[object] | sa.Constraint]:
    state = sa.Enum(*STATES, name="questionstate", native_enum=False, length=50)
    return [
        *_record_columns(),
        sa.Column("region_code", sa.String(), nullable=False),
        sa.Column("topic", sa.String(300), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("commissioning_organization_id", sa.Uuid(), nullable=True),
        sa.Column(
            "commissioning_body",
            sa.String(300),
            nullable=False,
            comment="委托单位 by its name, also where it is no organization here",
        ),
        sa.Column("deliverable", sa.String(), nullable=False, comment="成果形式"),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", state, nullable=False),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("report", sa.String(), nullable=False, comment="咨询报告"),
        sa.Column("adoption", sa.String(), nullable=False, comment="采纳情况"),
        sa.Column("adopted_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
        sa.ForeignKeyConstraint(["region_code"], ["regions.code"], name="fk_questions_region_code"),
        sa.ForeignKeyConstraint(
            ["commissioning_organization_id"],
            ["organizations.id"],
            name="fk_questions_commissioning_organization_id",
        ),
        sa.CheckConstraint(
            "(state = 'adopted') = (adopted_on IS NOT NULL)", name="ck_questions_adopted_on"
        ),
    ]


def _consultation_columns() -> list[sa.Column[object] | sa.Constraint]:
    return [
        *_record_columns(),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("opinion", sa.String(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_consultations"),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name="fk_consultations_question_id"
        ),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name="fk_consultations_expert_id"),
        sa.UniqueConstraint(
            "question_id", "expert_id", name="uq_consultations_question_id_expert_id"
        ),
        sa.CheckConstraint(
            "opinion = '' OR submitted_at IS NOT NULL", name="ck_consultations_submitted"
        ),
    ]


def _protect(table: str, *, reading: str, inserting: str, meeting: str, leaving: str) -> None:
    """meeting: what an UPDATE may take hold of, and leaving: what it may leave behind."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING (({reading}) OR {SERVICE})",
        f"inserting ON {table} FOR INSERT WITH CHECK (({inserting}) OR {SERVICE})",
        f"updating ON {table} FOR UPDATE USING (({meeting}) OR {SERVICE})"
        f" WITH CHECK (({leaving}) OR {SERVICE})",
        f"deleting ON {table} FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def downgrade() -> None:
    op.drop_table("consultations")
    op.drop_table("questions")
    op.execute("DROP FUNCTION is_consulted")
