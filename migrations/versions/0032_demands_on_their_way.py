"""Demands that are docked, signed, followed up or tracked are as open as published ones"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

PUBLIC = "state IN ('published', 'docking', 'signed', 'follow_up', 'tracking')"

# The rule of 0013.
OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
CARRIED = """((SELECT is_staff()) AND (region_code IS NULL
    OR starts_with(region_code, (SELECT staff_prefix()))
    OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"""
SHARED = """((SELECT is_staff()) AND EXISTS (SELECT FROM unnest(shared_region_codes) AS shared(code)
    WHERE starts_with(shared.code, (SELECT staff_prefix()))))"""
SCOPE, KEY = "(SELECT scope_name())", "(SELECT scope_key())"


def upgrade() -> None:
    _let_read(PUBLIC)


def downgrade() -> None:
    op.execute("DROP SCHEMA IF EXISTS readable CASCADE")  # see app.postgres.roles
    _let_read("state = 'published'")


def _let_read(openly: str) -> None:
    op.execute(
        f"""
        ALTER POLICY reading ON demands USING (
            {openly} AND ((SELECT reads_pool()) OR {SCOPE} = 'index')
            OR {OURS} OR {CARRIED} OR {SHARED}
            OR {SCOPE} = 'lookup' AND {KEY} = external_id
            OR {SCOPE} = 'import' AND (SELECT is_signed_in())
            OR {SCOPE} IN ('sealing', 'service')
            OR {SCOPE} = 'handover' AND id::text = {KEY}
            OR (SELECT scope_role()) = 'expert' AND has_readable_run(id))
        """
    )
