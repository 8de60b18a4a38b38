"""Who acts for an enterprise, and who of many was erased, are asked for in one statement each

A match asks for both, of people whom its actor may not see; to change the scope before and after
took two more journeys to the database each time.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

FUNCTIONS = """
CREATE FUNCTION experts_acting_for(wanted uuid) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    RETURN QUERY SELECT e.id FROM experts AS e
        JOIN memberships AS m ON m.account_id = e.account_id
        WHERE m.organization_id = wanted AND m.state = 'approved';
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
END $$;

CREATE FUNCTION held_people(wanted uuid[]) RETURNS TABLE (expert_id uuid, is_erased boolean)
LANGUAGE plpgsql AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    RETURN QUERY SELECT e.id, e.erased_at IS NOT NULL FROM experts AS e
        WHERE e.id = ANY (wanted) ORDER BY e.id FOR SHARE;
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
END $$;
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)


def downgrade() -> None:
    op.execute("DROP FUNCTION held_people")
    op.execute("DROP FUNCTION experts_acting_for")
