"""Row-level security: the rules of every domain's access.py a second time, in the database

A transaction says for whom it works (`app/scopes.py`). Without that it sees and writes nothing of
the tables below. Each has one rule for reading and one for writing; what an UPDATE may meet and
what it may leave behind, and what may be inserted, differs where that is said.
"""

from dataclasses import dataclass

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The settings of a transaction, as the rules read them. Only a scope of somebody signed in has an
# account, a role and organizations. `(SELECT f())` in a rule is computed once for a statement.
# None of the conditions is null, or AND would look at what stands behind it as well.
SETTINGS = """
CREATE FUNCTION scope_name() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('shuangku.scope', true), '');
CREATE FUNCTION scope_key() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('shuangku.key', true), '');
CREATE FUNCTION is_signed_in() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN scope_name() IN ('account', 'import')
        AND coalesce(current_setting('shuangku.account', true), '') <> '';
CREATE FUNCTION scope_account() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in()
        THEN nullif(current_setting('shuangku.account', true), '')::uuid END;
CREATE FUNCTION scope_role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in() THEN current_setting('shuangku.role', true) ELSE '' END;
CREATE FUNCTION scope_region() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('shuangku.region', true), '');
CREATE FUNCTION scope_organizations() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in()
        THEN nullif(current_setting('shuangku.organizations', true), '')::uuid[] END;
CREATE FUNCTION scope_asked_organizations() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_signed_in()
        THEN nullif(current_setting('shuangku.asked_organizations', true), '')::uuid[] END;
CREATE FUNCTION is_staff() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN scope_role() IN ('coordinator', 'administrator');
CREATE FUNCTION reads_pool() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN scope_role() IN ('coordinator', 'administrator', 'evaluator');
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
CREATE FUNCTION has_readable_entry(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM audit_entries AS e WHERE e.account_id = wanted); END $$;
CREATE FUNCTION has_readable_demand(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM demands AS d WHERE d.organization_id = wanted); END $$;
CREATE FUNCTION has_readable_run(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM match_runs AS r WHERE r.demand_id = wanted); END $$;
CREATE FUNCTION has_readable_match(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM matches AS m WHERE m.run_id = wanted); END $$;
CREATE FUNCTION is_me(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (
    SELECT FROM experts AS e WHERE e.id = wanted AND e.account_id = scope_account()
); END $$;
CREATE FUNCTION is_matched_here(wanted uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM matches AS m WHERE m.expert_id = wanted); END $$;
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
# Demands pass between levels: whoever had one before, and whoever has it now, carries it.
CARRIED = (
    "((SELECT is_staff()) AND (region_code IS NULL"
    " OR starts_with(region_code, (SELECT staff_prefix()))"
    " OR starts_with(handed_to_region_code, (SELECT staff_prefix()))))"
)
SHARED = (
    "((SELECT is_staff()) AND EXISTS (SELECT FROM unnest(shared_region_codes) AS shared(code)"
    " WHERE starts_with(shared.code, (SELECT staff_prefix()))))"
)
DEMAND = "SELECT FROM demands AS d WHERE d.id = demand_id AND"
OF_STAFF_DEMAND = f"((SELECT is_staff()) AND EXISTS ({DEMAND} ({CARRIED} OR {SHARED})))"
OF_CARRIED_RUN = (
    "((SELECT is_staff()) AND EXISTS (SELECT FROM match_runs AS r"
    f" JOIN demands AS d ON d.id = r.demand_id WHERE r.id = run_id AND {CARRIED}))"
)
OF_CARRIED_MATCH = (
    "((SELECT is_staff()) AND EXISTS (SELECT FROM matches AS m"
    " JOIN match_runs AS r ON r.id = m.run_id JOIN demands AS d ON d.id = r.demand_id"
    f" WHERE m.id = match_id AND {CARRIED}))"
)
AS_EXPERT = "(SELECT scope_role()) = 'expert' AND"
OF_MY_MATCH = (
    f"({AS_EXPERT} EXISTS (SELECT FROM matches AS m WHERE m.id = match_id AND is_me(m.expert_id)))"
)
PERSON_OR_STAFF = f"(account_id = {ME} OR {IN_REGION})"
EXPERT_PARTIES = f"(account_id = {ME} OR {OURS} OR {IN_REGION})"
OF_MY_OR_STAFFS_EXPERT = (
    f"EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id AND {PERSON_OR_STAFF})"
)
ADMINISTRATOR = "(SELECT scope_role()) = 'administrator'"
OF_MY_FACTOR = (
    f"EXISTS (SELECT FROM second_factors AS f WHERE f.id = factor_id AND f.account_id = {ME})"
)
OF_MANAGED_EXPERT = f"EXISTS (SELECT FROM experts AS e WHERE e.id = expert_id AND {EXPERT_PARTIES})"


def in_scope(*names: str) -> str:
    return f"(SELECT scope_name()) IN ({', '.join(repr(name) for name in names)})"


def named(*values: str) -> str:
    """The row that somebody named by something only it has."""
    return f"({in_scope('lookup')} AND (SELECT scope_key()) IN ({', '.join(values)}))"


IMPORTING = f"({in_scope('import')} AND (SELECT is_signed_in()))"
HANDED_ON = f"({in_scope('handover')} AND id::text = (SELECT scope_key()))"


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
            OR {ME} IS NOT NULL AND has_readable_membership(id)
            OR {in_scope("readings")} AND has_readable_entry(id)""",
        inserts=f"""
            {MANAGED_ACCOUNT} OR {in_scope("registration")} AND role IN ('enterprise', 'expert')""",
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
    "identities": Rules(
        reads=f"""account_id = {ME} OR {named("issuer || ' ' || subject")}""",
        inserts=f"account_id = {ME} OR {in_scope('registration')}",
        deletes=f"account_id = {ME}",
    ),
    # Whoever has lost theirs asks an administrator.
    "second_factors": Rules(
        reads=f"account_id = {ME} OR {ADMINISTRATOR} OR {in_scope('sealing')}",
        inserts=f"account_id = {ME}",
        writes=f"account_id = {ME} OR {ADMINISTRATOR} OR {in_scope('sealing')}",
        deletes=f"account_id = {ME} OR {ADMINISTRATOR}",
    ),
    "recovery_codes": Rules(reads=OF_MY_FACTOR, writes=OF_MY_FACTOR),
    "organizations": Rules(
        reads=f"""
            (SELECT is_signed_in()) AND state = 'verified'
            OR id = ANY ((SELECT scope_organizations())::uuid[])
            OR id = ANY ((SELECT scope_asked_organizations())::uuid[])
            OR {IN_REGION} OR {named("unified_social_credit_code")}
            OR {IMPORTING} OR {in_scope("sealing")}
            OR {in_scope("account", "index")} AND has_readable_demand(id)""",
        inserts=f"{IN_REGION} OR {in_scope('registration')} AND state = 'registered'",
        writes=f"""
            id = ANY ((SELECT scope_organizations())::uuid[]) OR {IN_REGION}
            OR {in_scope("sealing")}""",
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
            {EXPERT_PARTIES} OR {named("external_id", "account_id::text")} OR {IMPORTING}
            OR state = 'in_pool' AND ((SELECT reads_pool()) OR {in_scope("index", "judging")})
            OR {in_scope("matches")} AND is_matched_here(id)
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
        reads=f"{OF_MY_OR_STAFFS_EXPERT} OR {in_scope('sealing')}",
        writes=f"{OF_MY_OR_STAFFS_EXPERT} OR {in_scope('sealing')}",
    ),
    "consents": Rules(reads=OF_MY_OR_STAFFS_EXPERT, inserts=OF_MY_OR_STAFFS_EXPERT),
    "achievements": Rules(
        reads=f"""
            state = 'published' AND ((SELECT is_signed_in()) OR {in_scope("index")})
            OR {OURS} OR {IN_REGION} OR {named("external_id")} OR {IMPORTING}""",
        writes=f"{OURS} OR {IN_REGION}",
    ),
    "demands": Rules(
        reads=f"""
            state = 'published' AND ((SELECT reads_pool()) OR {in_scope("index")})
            OR {OURS} OR {CARRIED} OR {SHARED} OR {named("external_id")}
            OR {IMPORTING} OR {in_scope("sealing")} OR {HANDED_ON}
            OR {AS_EXPERT} has_readable_run(id)""",
        writes=f"{OURS} OR {CARRIED} OR {in_scope('sealing')} OR {HANDED_ON}",
    ),
    "demand_handovers": Rules(
        reads=f"EXISTS ({DEMAND} ({OURS} OR {CARRIED} OR {SHARED}))",
        inserts=f"EXISTS ({DEMAND} {CARRIED})",
    ),
    # An expert sees where they stood themself, and nobody else.
    "match_runs": Rules(
        reads=f"""
            {in_scope("index")} OR {OF_STAFF_DEMAND}
            OR {in_scope("matches", "recommendations")} AND demand_id::text = (SELECT scope_key())
            OR {AS_EXPERT} has_readable_match(id)""",
        inserts=OF_STAFF_DEMAND,
    ),
    "matches": Rules(
        reads=f"""
            {in_scope("index")} OR {AS_EXPERT} is_me(expert_id)
            OR ((SELECT is_staff()) OR {in_scope("matches", "recommendations")})
            AND EXISTS (SELECT FROM match_runs AS r WHERE r.id = run_id)""",
        inserts="(SELECT is_staff()) AND EXISTS (SELECT FROM match_runs AS r WHERE r.id = run_id)",
        meets=f"{OF_CARRIED_RUN} OR {AS_EXPERT} is_me(expert_id)",
        writes=OF_CARRIED_RUN,
    ),
    "judgments": Rules(
        reads=f"""
            {in_scope("index")} OR {OF_CARRIED_MATCH} OR {in_scope("recommendations")}
            AND EXISTS (SELECT FROM matches AS m WHERE m.id = match_id)""",
        inserts=OF_CARRIED_MATCH,
    ),
    "match_reviews": Rules(
        reads=f"{OF_MY_MATCH} OR {OF_CARRIED_MATCH}",
        inserts=f"{OF_MY_MATCH} AND state = 'requested'",
        writes=OF_CARRIED_MATCH,
        meets=f"{OF_MY_MATCH} OR {OF_CARRIED_MATCH}",
    ),
    "imports": Rules(
        reads=f"""
            account_id = {ME} OR {ADMINISTRATOR} OR {in_scope("progress")}""",
        inserts=f"account_id = {ME}",
        writes=f"account_id = {ME} OR {ADMINISTRATOR} OR {in_scope('progress')}",
    ),
    "operations": Rules(
        reads=f"account_id = {ME} OR {ADMINISTRATOR} OR {in_scope('progress')}",
        inserts=f"account_id = {ME}",
        writes=f"account_id = {ME} OR {ADMINISTRATOR} OR {in_scope('progress')}",
        deletes=in_scope("progress"),
    ),
    "imported_rows": Rules(reads=IMPORTING, writes=IMPORTING),
    # Whoever did something leaves an entry, and a refusal is told of by nobody. The owner drops.
    "audit_entries": Rules(
        reads=f"""
            {ADMINISTRATOR} OR {in_scope("audit")}
            OR {in_scope("readings")} AND code IS NULL
            AND record_ids @> ARRAY[(SELECT scope_key())::uuid]""",
        inserts="true",
        deletes=in_scope("audit"),
    ),
    "unsealed_entries": Rules(
        reads=f"{ADMINISTRATOR} OR {in_scope('audit')}",
        inserts="true",
        deletes=in_scope("audit"),
    ),
    "audit_seals": Rules(
        reads=f"{ADMINISTRATOR} OR {in_scope('audit')}", inserts=in_scope("audit")
    ),
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
    op.execute("DROP SCHEMA IF EXISTS readable CASCADE")  # see app.postgres.roles
    for table in RULES:
        op.execute(f"DROP POLICY IF EXISTS owner ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
        for name in ("reading", "inserting", "updating", "deleting"):
            op.execute(f"DROP POLICY {name} ON {table}")
    for name in (
        *(
            "has_readable_membership",
            "has_readable_entry",
            "has_readable_demand",
            "has_readable_run",
        ),
        *("has_readable_match", "is_me", "is_matched_here", "is_recommended_here"),
        *("enter", "account_of_secret", "scope_principal", "staff_prefix", "reads_pool"),
        *("is_staff", "scope_asked_organizations", "scope_organizations", "scope_region"),
        *("scope_role", "scope_account", "is_signed_in", "scope_key", "scope_name"),
    ):
        op.execute(f"DROP FUNCTION {name}")
