"""The job queue's own tables and functions, as the library ships them"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))


def downgrade() -> None:
    for kind, names in (
        ("TABLE", ("periodic_defers", "events", "jobs", "workers")),
        ("TYPE", ("job_event_type", "job_status", "job_to_defer_v1")),
    ):
        for name in names:
            op.execute(f"DROP {kind} IF EXISTS procrastinate_{name} CASCADE")
