"""Row-level security: the rules of every domain's access.py a second time, in the database

A transaction says for whom it works (`app/scopes.py`). Without that it sees and writes nothing of
the tables below. Each has one rule for reading and one for writing; what an UPDATE may meet and
what it may leave behind, and what may be inserted, differs where that is said.
"""

from dataclasses import dataclass

from alembic import op

revision = "0020"
down_revision = "0005"
branch_labels = None
depends_on = None

# The settings of a transaction, as the rules read them. Only a scope of somebody signed in has an
# account, a role and organizations. `(SELECT f())` in a rule is computed once for a statement.
SETTINGS = """
CREATE FUNCTION scope_name() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('shuangku.scope', true), '');
CREATE FUNCTION scope_key() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('shuangku.key', true), '');
CREATE FUNCTION is_signed_in() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN scope_name() IN ('account', 'import');
CREATE FUNCTION scope_account() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in()
        THEN nullif(current_setting('shuangku.account', true), '')::uuid END;
CREATE FUNCTION scope_role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in() THEN current_setting('shuangku.role', true) END;
CREATE FUNCTION scope_region() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('shuangku.region', true), '');
CREATE FUNCTION scope_organizations() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in()
        THEN nullif(current_setting('shuangku.organizations', true), '')::uuid[] END;
CREATE FUNCTION scope_asked_organizations() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in()
        THEN nullif(current_setting('shuangku.asked_organizations', true), '')::uuid[] END;
CREATE FUNCTION is_staff() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(scope_role() IN ('coordinator', 'administrator'), false);
CREATE FUNCTION reads_pool() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(scope_role() IN ('coordinator', 'administrator', 'evaluator'), false);
CREATE FUNCTION staff_prefix() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE scope_role()
        WHEN 'administrator' THEN ''
        WHEN 'coordinator' THEN regexp_replace(coalesce(scope_region(), ''), '(00)+$', '') END;
"""

# Whoever proves to be an account enters: its row comes back with the organizations that it acts
# for, and the rest of the transaction works for it. An account that was shut opens nothing.
ENTER = """
CREATE FUNCTION enter(wanted uuid) RETURNS TABLE (account accounts, organization_ids uuid[])
LANGUAGE plpgsql AS $$
DECLARE
    asked uuid[];
BEGIN
    PERFORM set_config('shuangku.scope', 'lookup', true),
            set_config('shuangku.key', wanted::text, true);
    SELECT a.* INTO account FROM accounts AS a WHERE a.id = wanted;
    IF account.role IN ('enterprise', 'expert') THEN
        SELECT array_agg(m.organization_id) FILTER (WHERE m.state = 'approved'),
               array_agg(m.organization_id)
        INTO organization_ids, asked FROM memberships AS m WHERE m.account_id = wanted;
    END IF;
    PERFORM set_config('shuangku.scope', '', true), set_config('shuangku.key', '', true);
    IF account.id IS NULL THEN
        RETURN;
    END IF;
    IF account.is_active THEN
        PERFORM set_config('shuangku.account', account.id::text, true),
                set_config('shuangku.role', account.role, true),
                set_config('shuangku.region', coalesce(account.region_code, ''), true),
                set_config('shuangku.organizations', coalesce(organization_ids::text, ''), true),
                set_config('shuangku.asked_organizations', coalesce(asked::text, ''), true),
                set_config('shuangku.scope', 'account', true);
    END IF;
    RETURN NEXT;
END $$;

-- Whose secret this is: an API key's, a refresh token's or a reset code's, by its SHA-256.
CREATE FUNCTION account_of_secret(hash bytea) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    found uuid;
BEGIN
    PERFORM set_config('shuangku.scope', 'lookup', true),
            set_config('shuangku.key', encode(hash, 'hex'), true);
    SELECT account_id INTO found FROM (
        SELECT account_id FROM api_keys WHERE secret_hash = hash
        UNION ALL SELECT account_id FROM refresh_tokens WHERE token_hash = hash
        UNION ALL SELECT account_id FROM password_resets WHERE code_hash = hash
    ) AS holders;
    PERFORM set_config('shuangku.scope', '', true), set_config('shuangku.key', '', true);
    RETURN found;
END $$;
"""

# Rules that follow a record to another one, seldom needed and so kept out of every plan. They
# run as the caller, under the rules of the tables that they read.
RELATIONS = """
CREATE FUNCTION has_readable_membership(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM memberships AS m WHERE m.account_id = wanted); END $$;
CREATE FUNCTION has_readable_demand(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM demands AS d WHERE d.organization_id = wanted); END $$;
CREATE FUNCTION is_recommended_here(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (
    SELECT FROM matches AS m WHERE m.expert_id = wanted AND m.verdict = 'recommended'
); END $$;
"""

ME = "(SELECT scope_account())"
IN_REGION = (
    "((SELECT is_staff()) AND"
    " (region_code IS NULL OR starts_with(region_code, (SELECT staff_prefix()))))"
)
OURS = "organization_id = ANY ((SELECT scope_organizations())::uuid[])"
MANAGED_ACCOUNT = (
    f"((SELECT scope_role()) = 'administrator' OR role IN ('enterprise', 'expert') AND {IN_REGION})"
)
OF_MANAGED_ACCOUNT = (
    f"EXISTS (SELECT FROM accounts AS a WHERE a.id = account_id AND {MANAGED_ACCOUNT})"
)
OF_STAFF_ORGANIZATION = (
    "((SELECT is_staff()) AND EXISTS"
    f" (SELECT FROM organizations AS o WHERE o.id = organization_id AND {IN_REGION}))"
)
OF_STAFF_DEMAND = (
    "((SELECT is_staff()) AND EXISTS"
    f" (SELECT FROM demands AS d WHERE d.id = demand_id AND {IN_REGION}))"
)
PERSON_OR_STAFF = f"(account_id = {ME} OR {IN_REGION})"
EXPERT_PARTIES = f"(account_id = {ME} OR {OURS} OR {IN_REGION})"
OF_MANAGED_EXPERT = f"EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id AND {EXPERT_PARTIES})"


def in_scope(*names: str) -> str:
    return f"(SELECT scope_name()) IN ({', '.join(repr(name) for name in names)})"


def named(*values: str) -> str:
    """The row that somebody named by something only it has."""
    return f"({in_scope('lookup')} AND (SELECT scope_key()) IN ({', '.join(values)}))"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Conditions on a row; the service's whole view passes all of them."""

    reads: str
    writes: str = "false"
    inserts: str = ""  # else as `writes`
    meets: str = ""  # what an UPDATE or a lock may take hold of; else as `writes`
    deletes: str = "false"


RULES = {
    "accounts": Rules(
        reads=f"""
            id = {ME} OR {MANAGED_ACCOUNT} OR {named("email", "id::text")}
            OR {ME} IS NOT NULL AND has_readable_membership(id)""",
        inserts=f"{MANAGED_ACCOUNT} OR {in_scope('registration')} AND role = 'enterprise'",
        meets=f"id = {ME} OR {MANAGED_ACCOUNT}",
        writes=f"""
            {MANAGED_ACCOUNT} OR id = {ME} AND role = (SELECT scope_role())
            AND region_code IS NOT DISTINCT FROM (SELECT scope_region())""",
    ),
    "api_keys": Rules(
        reads=f"""account_id = {ME} OR {named("encode(secret_hash, 'hex')")}""",
        writes=f"account_id = {ME}",
    ),
    "refresh_tokens": Rules(
        reads=f"""
            account_id = {ME} OR {OF_MANAGED_ACCOUNT} OR {named("encode(token_hash, 'hex')")}""",
        inserts=f"account_id = {ME}",
        writes=f"account_id = {ME} OR {OF_MANAGED_ACCOUNT}",
    ),
    "password_resets": Rules(
        reads=f"""
            account_id = {ME} OR {OF_MANAGED_ACCOUNT} OR {named("encode(code_hash, 'hex')")}
            OR {in_scope("lookup")} AND EXISTS (SELECT FROM accounts AS a WHERE a.id = account_id)
            """,
        inserts=f"""
            {OF_MANAGED_ACCOUNT} OR {in_scope("lookup")} AND code_hash IS NULL
            AND EXISTS (SELECT FROM accounts AS a WHERE a.id = account_id)""",
        writes=f"account_id = {ME} OR {OF_MANAGED_ACCOUNT}",
    ),
    "organizations": Rules(
        reads=f"""
            (SELECT is_signed_in()) AND state = 'verified'
            OR id = ANY ((SELECT scope_organizations())::uuid[])
            OR id = ANY ((SELECT scope_asked_organizations())::uuid[])
            OR {IN_REGION} OR {named("unified_social_credit_code")} OR {in_scope("import")}
            OR {in_scope("account", "index")} AND has_readable_demand(id)""",
        inserts=f"{IN_REGION} OR {in_scope('registration')} AND state = 'registered'",
        writes=f"id = ANY ((SELECT scope_organizations())::uuid[]) OR {IN_REGION}",
    ),
    "memberships": Rules(
        reads=f"""
            account_id = {ME} OR {OURS} OR {OF_STAFF_ORGANIZATION}
            OR {named("account_id::text")}""",
        inserts=f"""
            {OF_STAFF_ORGANIZATION}
            OR (account_id = {ME} OR {in_scope("registration")}) AND state = 'requested'""",
        meets=f"account_id = {ME} OR {OF_STAFF_ORGANIZATION}",
        writes=f"{OF_STAFF_ORGANIZATION} OR account_id = {ME} AND state = 'revoked'",
    ),
    "experts": Rules(
        reads=f"""
            {EXPERT_PARTIES} OR {named("external_id", "account_id::text")} OR {in_scope("import")}
            OR state = 'in_pool' AND ((SELECT reads_pool()) OR {in_scope("index", "judging")})
            OR {in_scope("recommendations")} AND is_recommended_here(id)""",
        meets=f"{EXPERT_PARTIES} OR {in_scope('judging')} AND state = 'in_pool'",
        writes=EXPERT_PARTIES,
    ),
    "evidence": Rules(
        reads="EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id)",
        writes=OF_MANAGED_EXPERT,
        deletes=OF_MANAGED_EXPERT,
    ),
    "expert_contacts": Rules(
        reads=f"EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id AND {PERSON_OR_STAFF})",
        writes=f"EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id AND {PERSON_OR_STAFF})",
    ),
    "achievements": Rules(
        reads=f"""
            state = 'published' AND ((SELECT is_signed_in()) OR {in_scope("index")})
            OR {OURS} OR {IN_REGION} OR {named("external_id")} OR {in_scope("import")}""",
        writes=f"{OURS} OR {IN_REGION}",
    ),
    "demands": Rules(
        reads=f"""
            state = 'published' AND ((SELECT reads_pool()) OR {in_scope("index")})
            OR {OURS} OR {IN_REGION} OR {named("external_id")} OR {in_scope("import")}""",
        writes=f"{OURS} OR {IN_REGION}",
    ),
    "match_runs": Rules(
        reads=f"""
            {in_scope("index")} OR {OF_STAFF_DEMAND}
            OR {in_scope("recommendations")} AND demand_id::text = (SELECT scope_key())""",
        writes=OF_STAFF_DEMAND,
    ),
    "matches": Rules(
        reads=f"{in_scope('index')} OR EXISTS (SELECT FROM match_runs AS r WHERE r.id = run_id)",
        writes="(SELECT is_staff()) AND EXISTS (SELECT FROM match_runs AS r WHERE r.id = run_id)",
    ),
    "judgments": Rules(
        reads=f"{in_scope('index')} OR EXISTS (SELECT FROM matches AS m WHERE m.id = match_id)",
        inserts="(SELECT is_staff()) AND EXISTS (SELECT FROM matches AS m WHERE m.id = match_id)",
    ),
    "imports": Rules(
        reads=f"""
            account_id = {ME} OR (SELECT scope_role()) = 'administrator'
            OR {in_scope("imports")}""",
        inserts=f"account_id = {ME}",
        writes=f"{in_scope('imports')} OR {in_scope('import')} AND account_id = {ME}",
    ),
    "imported_rows": Rules(reads=in_scope("import"), writes=in_scope("import")),
    "kept_answers": Rules(
        reads=f"principal = (SELECT scope_principal()) OR {in_scope('retention')}",
        writes="principal = (SELECT scope_principal())",
        deletes=in_scope("retention"),
    ),
}

# The nil UUID is nobody's: the public routes keep their answers under it.
PRINCIPAL = """
CREATE FUNCTION scope_principal() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN scope_name() IN ('lookup', 'registration')
        THEN '00000000-0000-0000-0000-000000000000'::uuid ELSE scope_account() END;
"""


def upgrade() -> None:
    for statements in (SETTINGS, PRINCIPAL, ENTER, RELATIONS):
        op.execute(statements)
    for table, rules in RULES.items():
        _protect(table, rules)


def _protect(table: str, rules: Rules) -> None:
    always = in_scope("service")
    inserts, meets = rules.inserts or rules.writes, rules.meets or rules.writes
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING (({rules.reads}) OR {always})",
        f"inserting ON {table} FOR INSERT WITH CHECK (({inserts}) OR {always})",
        f"updating ON {table} FOR UPDATE USING (({meets}) OR {always})"
        f" WITH CHECK (({rules.writes}) OR {always})",
        f"deleting ON {table} FOR DELETE USING (({rules.deletes}) OR {always})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def downgrade() -> None:
    for table in RULES:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
        for name in ("reading", "inserting", "updating", "deleting"):
            op.execute(f"DROP POLICY {name} ON {table}")
    for name in (
        *("has_readable_membership", "has_readable_demand", "is_recommended_here"),
        *("enter", "account_of_secret", "scope_principal", "staff_prefix", "reads_pool"),
        *("is_staff", "scope_asked_organizations", "scope_organizations", "scope_region"),
        *("scope_role", "scope_account", "is_signed_in", "scope_key", "scope_name"),
    ):
        op.execute(f"DROP FUNCTION {name}")
