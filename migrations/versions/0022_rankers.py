"""Rankers: versions of what features count, learned from verdicts; matches tell how sure they are

Number 0 is the library's own, and in force. What is null in its row follows the release.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from uuid_utils.compat import uuid7

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ADMINISTRATOR = "(SELECT scope_role()) = 'administrator'"
# Whoever matches reads the one in force, and the job that learns all of them.
READERS = "(SELECT is_staff()) OR (SELECT scope_name()) IN ('index', 'learning')"
LEARNING = "(SELECT scope_name()) = 'learning'"
SERVICE = "(SELECT scope_name()) = 'service'"
ADD_DEFAULT = """
    INSERT INTO rankers (id, version, number, state, encoder)
    VALUES (CAST(:id AS uuid), 1, 0, 'in_force', '')
"""


def upgrade() -> None:
    op.create_table("rankers", *_columns())
    for rule in (
        f"reading ON rankers FOR SELECT USING ({READERS} OR {SERVICE})",
        f"inserting ON rankers FOR INSERT WITH CHECK ({LEARNING} OR {SERVICE})",
        f"updating ON rankers FOR UPDATE USING ({ADMINISTRATOR} OR {LEARNING} OR {SERVICE})",
        f"deleting ON rankers FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {rule}")
    op.execute(sa.text(ADD_DEFAULT).bindparams(id=str(uuid7())))
    op.execute("ALTER TABLE rankers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.add_column(
        "match_runs",
        sa.Column(
            "ranker_version",
            sa.Integer(),
            nullable=True,
            comment="the ranker's number; null for runs of before there was a choice",
        ),
    )
    op.add_column(
        "matches",
        sa.Column("confidence", postgresql.JSONB(), nullable=True, comment="as it was shown"),
    )


def _columns() -> list[sa.Column[object] | sa.Constraint | sa.Index]:
    moment = sa.DateTime(timezone=True)
    state = sa.Enum(
        "candidate", "in_force", "retired", name="rankerstate", native_enum=False, length=50
    )
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", state, nullable=False),
        sa.Column(
            "encoder",
            sa.String(200),
            nullable=False,
            comment="of the matches that it has learned from",
        ),
        _json("weights", "null for those of the library"),
        _json("calibration", "likewise"),
        _json("learned_from", "null for number 0"),
        _json("metrics", "on demands held out; likewise"),
        sa.Column("promoted_at", moment, nullable=True),
        sa.Column("promoted_by_id", sa.Uuid(), nullable=True, comment="null when the job did"),
        sa.PrimaryKeyConstraint("id", name="pk_rankers"),
        sa.UniqueConstraint("number", name="uq_rankers_number"),
        sa.ForeignKeyConstraint(
            ["promoted_by_id"], ["accounts.id"], name="fk_rankers_promoted_by_id"
        ),
        sa.Index(
            "ix_rankers_in_force",
            "state",
            unique=True,
            postgresql_where=sa.text("state = 'in_force'"),
        ),
    ]


def _json(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), nullable=True, comment=comment)


def downgrade() -> None:
    op.drop_column("matches", "confidence")
    op.drop_column("match_runs", "ranker_version")
    op.drop_table("rankers")
