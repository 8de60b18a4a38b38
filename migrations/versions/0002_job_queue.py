"""The job queue's own tables and functions, as the library ships them"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Their names carry versions, so what there is is asked of the database.
DROP_FUNCTIONS = """
DO $$
DECLARE
    found regprocedure;
BEGIN
    FOR found IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace
    LOOP
        EXECUTE 'DROP ROUTINE ' || found || ' CASCADE';
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))


def downgrade() -> None:
    for kind, names in (
        ("TABLE", ("periodic_defers", "events", "jobs", "workers")),
        ("TYPE", ("job_event_type", "job_status", "job_to_defer_v1")),
    ):
        for name in names:
            op.execute(f"DROP {kind} IF EXISTS procrastinate_{name} CASCADE")
    op.execute(DROP_FUNCTIONS)
