"""Keys that values are sealed with; second factors; identities at sign-in providers

Nothing large is rewritten: stored contacts are sealed by a job, which this puts into the queue.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None

SEAL = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
SELECT 'default', 'seal_values', 'seal', 'seal_values', '{}'
WHERE EXISTS (SELECT FROM expert_contacts)
   OR EXISTS (SELECT FROM organizations)
   OR EXISTS (SELECT FROM demands)
"""


def upgrade() -> None:
    op.create_table(
        "encryption_keys",
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column(
            "first_used_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("key_id", name="pk_encryption_keys"),
    )
    op.execute(SEAL)


def downgrade() -> None:
    op.drop_table("encryption_keys")
