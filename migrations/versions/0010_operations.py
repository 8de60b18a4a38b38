"""Operations: long work that can be followed and cancelled; imports tell of theirs

An operation takes over what an import knew of its own progress, under the import's id.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LIVING = "state IN ('queued', 'running')"
STATES = ("queued", "running", "done", "failed", "cancelled")

TAKE_OVER = """
    INSERT INTO operations (id, created_at, updated_at, version, account_id, kind, job_id, state,
        done_count, total_count, result_path, problem, started_at, finished_at, is_kept)
    SELECT id, created_at, updated_at, 1, account_id, 'run_import',
        (SELECT max(job.id) FROM procrastinate_jobs AS job
         WHERE job.task_name = 'run_import' AND job.args ->> 'import_id' = imports.id::text),
        state, read_count, row_count, '/api/v1/imports/' || id,
        CASE WHEN state = 'failed' THEN CAST(:problem AS jsonb) END,
        started_at, finished_at, true
    FROM imports
"""
GIVE_BACK = """
    UPDATE imports SET row_count = operations.total_count, read_count = operations.done_count,
        started_at = operations.started_at, finished_at = operations.finished_at,
        state = CASE operations.state WHEN 'cancelled' THEN 'failed' ELSE operations.state END
    FROM operations WHERE operations.id = imports.id
"""
# What the import's report says in detail.
PROBLEM = (
    '{"zh-CN": {"title": "导入失败", "status": 422, "code": "import_failed"},'
    ' "en": {"title": "The import failed", "status": 422, "code": "import_failed"}}'
)


def upgrade() -> None:
    op.create_table("operations", *_columns(), sa.PrimaryKeyConstraint("id", name="pk_operations"))
    op.create_index("ix_operations_account_id", "operations", ["account_id"])
    op.create_index("ix_operations_created_at_id", "operations", ["created_at", "id"])
    op.create_index(
        "ix_operations_living", "operations", ["state"], postgresql_where=sa.text(LIVING)
    )
    op.execute(sa.text(TAKE_OVER).bindparams(problem=PROBLEM))
    op.create_foreign_key("fk_imports_id", "imports", "operations", ["id"], ["id"])
    for name in ("state", "row_count", "read_count", "started_at", "finished_at"):
        op.drop_column("imports", name)


def _columns() -> list[sa.Column[object] | sa.Constraint]:
    moment = sa.DateTime(timezone=True)
    state = sa.Enum(*STATES, name="operationstate", native_enum=False, length=50)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "account_id", sa.Uuid(), nullable=True, comment="who asked; null for the command line"
        ),
        sa.Column("kind", sa.String(100), nullable=False, comment="the name of the job's task"),
        sa.Column("job_id", sa.BigInteger(), nullable=True, comment="null for the command line"),
        sa.Column("state", state, nullable=False),
        sa.Column("done_count", sa.Integer(), nullable=False),
        sa.Column("total_count", sa.Integer(), nullable=True, comment="null until it is known"),
        sa.Column(
            "result_path", sa.String(), nullable=True, comment="where its result is, or will be"
        ),
        sa.Column(
            "problem", postgresql.JSONB(), nullable=True, comment="in both languages, RFC 9457"
        ),
        sa.Column("cancel_requested_at", moment, nullable=True),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column(
            "is_kept",
            sa.Boolean(),
            nullable=False,
            comment="a record of the same id shows it, so it is not deleted",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_operations_account_id"),
        sa.UniqueConstraint("job_id", name="uq_operations_job_id"),
    ]


def downgrade() -> None:
    moment = sa.DateTime(timezone=True)
    state = sa.Enum(*STATES[:4], name="importstate", native_enum=False, length=50)
    op.add_column("imports", sa.Column("state", state, nullable=True))
    op.add_column(
        "imports",
        sa.Column("row_count", sa.Integer(), comment="null until the file was opened"),
    )
    op.add_column("imports", sa.Column("read_count", sa.Integer(), nullable=True))
    op.add_column("imports", sa.Column("started_at", moment, nullable=True))
    op.add_column("imports", sa.Column("finished_at", moment, nullable=True))
    op.execute(GIVE_BACK)
    op.alter_column("imports", "state", nullable=False)
    op.alter_column("imports", "read_count", nullable=False)
    op.drop_constraint("fk_imports_id", "imports")
    op.drop_table("operations")
