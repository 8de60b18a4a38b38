"""Coordinators manage an account whose every region is theirs, and none that has no region

Whoever hands an account its reset code can become it, so all that it reaches counts: its own
region, those of the organizations that it acts for, and that of its profile.
"""

from alembic import op

from migrations.online import create_index, drop_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# The caller may not see all of an account's regions, and may not overlook one: what they hold is
# read for the service.
FUNCTIONS = """
CREATE FUNCTION account_regions(wanted uuid, own text) RETURNS text[]
LANGUAGE plpgsql STABLE COST 1000 AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
    found text[];
BEGIN
    PERFORM set_config('shuangku.scope', 'service', true);
    SELECT array_agg(held.code) FILTER (WHERE held.code IS NOT NULL) INTO found FROM (
        SELECT own AS code
        UNION SELECT o.region_code FROM memberships AS m
            JOIN organizations AS o ON o.id = m.organization_id
            WHERE m.account_id = wanted AND m.state = 'approved'
        UNION SELECT e.region_code FROM experts AS e WHERE e.account_id = wanted
    ) AS held;
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
    RETURN coalesce(found, '{}');
END $$;

CREATE FUNCTION all_within(codes text[], prefix text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN codes <> '{}' AND NOT EXISTS (
        SELECT FROM unnest(codes) AS held(code) WHERE NOT starts_with(held.code, prefix)
    );
"""

ME = "(SELECT scope_account())"
LOOKUP = "(SELECT scope_name()) = 'lookup'"
SERVICE = "(SELECT scope_name()) = 'service'"
KEY = "(SELECT scope_key())"
ADMINISTRATOR = "(SELECT scope_role()) = 'administrator'"
IN_REGION = "(region_code IS NULL OR starts_with(region_code, (SELECT staff_prefix())))"
ALL_IN_REGION = "all_within(account_regions(id, region_code), (SELECT staff_prefix()))"


def upgrade() -> None:
    create_index("ix_accounts_created_at_id", "accounts", ["created_at", "id"])
    op.execute(FUNCTIONS)
    # What is cheap to see comes first.
    _let_manage(f"{IN_REGION} AND {ALL_IN_REGION}")


def downgrade() -> None:
    _let_manage(IN_REGION)
    _allow(
        "api_keys",
        reading=f"account_id = {ME} OR {LOOKUP} AND {KEY} = encode(secret_hash, 'hex')",
        inserting=f"account_id = {ME}",
        updating=f"account_id = {ME}",
    )
    op.execute("DROP FUNCTION all_within")
    op.execute("DROP FUNCTION account_regions")
    drop_index("ix_accounts_created_at_id")


def _let_manage(theirs: str) -> None:
    """State the rules of 0013 that rest on who manages an account."""
    managed = (
        f"({ADMINISTRATOR} OR role IN ('enterprise', 'expert') AND (SELECT is_staff())"
        f" AND {theirs})"
    )
    of_managed = f"EXISTS (SELECT FROM accounts AS a WHERE a.id = account_id AND {managed})"
    of_own_or_managed = f"account_id = {ME} OR {of_managed}"
    of_named = f"{LOOKUP} AND EXISTS (SELECT FROM accounts AS a WHERE a.id = account_id)"
    _allow(
        "accounts",
        reading=f"""
            id = {ME} OR {managed} OR {LOOKUP} AND {KEY} IN (email, id::text)
            OR {ME} IS NOT NULL AND has_readable_membership(id)
            OR (SELECT scope_name()) = 'readings' AND has_readable_entry(id)""",
        inserting=f"""
            {managed} OR (SELECT scope_name()) = 'registration'
            AND role IN ('enterprise', 'expert')""",
        meeting=f"id = {ME} OR {managed}",
        updating=f"""
            {managed} OR id = {ME} AND role = (SELECT scope_role())
            AND region_code IS NOT DISTINCT FROM (SELECT scope_region())""",
    )
    # Whoever shuts an account ends its keys.
    _allow(
        "api_keys",
        reading=f"{of_own_or_managed} OR {LOOKUP} AND {KEY} = encode(secret_hash, 'hex')",
        inserting=f"account_id = {ME}",
        updating=of_own_or_managed,
    )
    _allow(
        "refresh_tokens",
        reading=f"{of_own_or_managed} OR {LOOKUP} AND {KEY} = encode(token_hash, 'hex')",
        inserting=f"account_id = {ME}",
        updating=of_own_or_managed,
    )
    _allow(
        "password_resets",
        reading=f"""
            {of_own_or_managed} OR {LOOKUP} AND {KEY} = encode(code_hash, 'hex') OR {of_named}""",
        inserting=f"{of_managed} OR {of_named} AND code_hash IS NULL",
        updating=of_own_or_managed,
    )


def _allow(table: str, *, reading: str, inserting: str, updating: str, meeting: str = "") -> None:
    """meeting: what an UPDATE may take hold of; else what it may leave behind."""
    for rule in (
        f"reading ON {table} USING (({reading}) OR {SERVICE})",
        f"inserting ON {table} WITH CHECK (({inserting}) OR {SERVICE})",
        f"updating ON {table} USING (({meeting or updating}) OR {SERVICE})"
        f" WITH CHECK (({updating}) OR {SERVICE})",
    ):
        op.execute(f"ALTER POLICY {rule}")
