"""Contact and consents of an expert without a region are theirs and the administrators'

Every county's staff may review such a profile, since nobody else would; they need not call.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ADMINISTRATOR = "(SELECT scope_role()) = 'administrator'"
OF_STAFF = "starts_with(region_code, (SELECT staff_prefix()))"
SEALING = "(SELECT scope_name()) = 'sealing'"
SERVICE = "(SELECT scope_name()) = 'service'"


def upgrade() -> None:
    _let_read(f"({OF_STAFF} OR {ADMINISTRATOR})")


def downgrade() -> None:
    _let_read(f"(region_code IS NULL OR {OF_STAFF})")


def _let_read(theirs: str) -> None:
    """State the rules of 0013 for what is held on an expert."""
    own = (
        "EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id AND"
        f" (account_id = (SELECT scope_account()) OR (SELECT is_staff()) AND {theirs}))"
    )
    sealed = f"{own} OR {SEALING} OR {SERVICE}"
    for rule in (
        f"reading ON expert_contacts USING ({sealed})",
        f"inserting ON expert_contacts WITH CHECK ({sealed})",
        f"updating ON expert_contacts USING ({sealed}) WITH CHECK ({sealed})",
        f"reading ON consents USING ({own} OR {SERVICE})",
        f"inserting ON consents WITH CHECK ({own} OR {SERVICE})",
    ):
        op.execute(f"ALTER POLICY {rule}")
