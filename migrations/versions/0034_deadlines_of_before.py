"""Dockings that were open before there were deadlines get one, or nobody would be reminded

A week from today: an invitation of theirs has time to be answered, and then expires as others do.
"""

from migrations.online import repeat

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

SOME = """
UPDATE dockings SET due_on = CAST(now() AT TIME ZONE 'Asia/Shanghai' AS date) + 7
WHERE id IN (
    SELECT id FROM dockings WHERE due_on IS NULL
        AND state NOT IN ('declined', 'expired', 'failed', 'followed_up')
    LIMIT 1000
)
"""


def upgrade() -> None:
    repeat(SOME)


def downgrade() -> None:
    """A deadline more does no harm."""
