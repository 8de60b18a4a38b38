"""Rotation reaches the files of imports, which lie sealed; fingerprints of requests are keyed"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RULE = """
    account_id = (SELECT scope_account()) OR (SELECT scope_role()) = 'administrator'
    OR (SELECT scope_name()) IN ({scopes})
"""


def upgrade() -> None:
    _allow("'progress', 'sealing', 'service'")
    _describe("keyed; of the request and rights")


def downgrade() -> None:
    _allow("'progress', 'service'")
    _describe("of path and body")


def _allow(scopes: str) -> None:
    rule = RULE.format(scopes=scopes)
    op.execute(f"ALTER POLICY reading ON imports USING ({rule})")
    op.execute(f"ALTER POLICY updating ON imports USING ({rule}) WITH CHECK ({rule})")


def _describe(fingerprint: str) -> None:
    op.execute(f"COMMENT ON COLUMN kept_answers.fingerprint IS '{fingerprint}'")
