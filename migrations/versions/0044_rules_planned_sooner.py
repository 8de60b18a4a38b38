"""What the rules ask of the scope is not written into each plan

A function of one SQL expression is unfolded in the plan of every statement whose tables have a
rule that asks it, from its stored text. Of what PostgreSQL did under the tests' requests that was
more than a third. A rule asks each once a statement, so there was nothing to gain by it; PL/pgSQL's
functions are called.
"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

SCOPE = "coalesce(current_setting('shuangku.scope', true), '')"
IS_SIGNED_IN = (
    f"({SCOPE} IN ('account', 'import')"
    " AND coalesce(current_setting('shuangku.account', true), '') <> '')"
)


def _of_account(setting: str) -> str:
    """A setting of the account that has entered, as text; empty where none has."""
    found = f"coalesce(current_setting('shuangku.{setting}', true), '')"
    return f"CASE WHEN {IS_SIGNED_IN} THEN {found} ELSE '' END"


ROLE = _of_account("role")
ACCOUNT = f"CAST(nullif({_of_account('account')}, '') AS uuid)"
REGION = "nullif(current_setting('shuangku.region', true), '')"
FUNCTIONS = {
    "scope_name": ("text", SCOPE),
    "scope_key": ("text", "nullif(current_setting('shuangku.key', true), '')"),
    "is_signed_in": ("boolean", IS_SIGNED_IN),
    "scope_account": ("uuid", ACCOUNT),
    "scope_role": ("text", ROLE),
    "scope_region": ("text", REGION),
    "scope_organizations": (
        "uuid[]",
        f"CAST(nullif({_of_account('organizations')}, '') AS uuid[])",
    ),
    "scope_asked_organizations": (
        "uuid[]",
        f"CAST(nullif({_of_account('asked_organizations')}, '') AS uuid[])",
    ),
    "is_staff": ("boolean", f"{ROLE} IN ('coordinator', 'administrator')"),
    "reads_pool": ("boolean", f"{ROLE} IN ('coordinator', 'administrator', 'evaluator')"),
    "staff_prefix": (
        "text",
        f"CASE {ROLE} WHEN 'administrator' THEN ''"
        f" WHEN 'coordinator' THEN regexp_replace(coalesce({REGION}, ''), '(00)+$', '') END",
    ),
    "scope_principal": (
        "uuid",
        f"CASE WHEN {SCOPE} IN ('lookup', 'registration')"
        f" THEN CAST('00000000-0000-0000-0000-000000000000' AS uuid) ELSE {ACCOUNT} END",
    ),
}


# Cheap as they are, they shall not look dear to who plans: PL/pgSQL's are taken to cost 100.
CHEAP = "LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1"


def upgrade() -> None:
    for name, (kind, value) in FUNCTIONS.items():
        op.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS {kind}"
            f" {CHEAP} AS $$ BEGIN RETURN {value}; END $$"
        )


def downgrade() -> None:
    for name, (kind, value) in FUNCTIONS.items():
        op.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS {kind}"
            f" LANGUAGE sql STABLE PARALLEL SAFE COST 100 RETURN {value}"
        )
