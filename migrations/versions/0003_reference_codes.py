"""The standard codes, from the data that the service ships"""

import sqlalchemy as sa
from alembic import op

from app.reference.codes import rows

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = {
    "regions": ("code", "name", "parent_code", "level"),
    "industries": ("code", "name", "parent_code", "level"),
    "disciplines": ("code", "name", "parent_code", "level"),
    "technology_fields": ("code", "name", "name_en"),
    "countries": ("code", "name", "name_en"),
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        target = sa.table(table, *(sa.column(name) for name in columns))
        values = [{name: row[name] or None for name in columns} for row in rows(table)]
        op.bulk_insert(target, values)


def downgrade() -> None:
    for table in COLUMNS:
        op.execute(sa.delete(sa.table(table)))
