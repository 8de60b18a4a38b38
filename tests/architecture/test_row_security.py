"""Every table is decided upon: protected by row-level security, or open for a reason."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, create_engine, inspect, text

from app.postgres.roles import APPEND_ONLY, READ_ONLY, SCHEMA, SERVICE_ROLE, VIEWED, VIEWS

PROTECTED = frozenset(
    {
        *("accounts", "api_keys", "identities", "password_resets", "recovery_codes"),
        *("refresh_tokens", "second_factors", "organizations", "memberships"),
        *(
            "experts",
            "evidence",
            "expert_contacts",
            "consents",
            "expert_invitations",
            "achievements",
        ),
        *("demands", "demand_handovers", "match_runs", "matches", "judgments", "match_reviews"),
        *("standing_matches", "standing_work"),
        *("common_problems", "problem_members", "problem_signatures", "problem_experts"),
        *("dockings", "docking_steps", "docking_log", "docking_attachments", "docking_ratings"),
        *("agreements", "service_records", "invitation_batches", "invitation_batch_items"),
        *("notices", "webhooks", "webhook_deliveries"),
        *("teams", "team_members"),
        *("campaigns", "campaign_entries"),
        *("special_pools", "pool_queries", "pool_members"),
        *("corps", "corps_members"),
        *("cases", "case_parties"),
        *("questions", "consultations"),
        "rankers",
        *("imports", "imported_rows", "kept_answers", "operations"),
        *("audit_entries", "audit_seals", "unsealed_entries"),
    }
)
# Whoever adds a table here says why everybody's transaction may read all of it.
OPEN = {
    "alembic_version": "the number of the schema",
    "changes": "ids, kinds and field names, which every request's index reads; nobody changes it",
    "countries": "a standard",
    "disciplines": "a standard",
    "encryption_keys": "names of keys, not keys",
    "epochs": "which life of which database this is; only its owner writes it",
    "followers": "numbers of changes, which every request may read",
    "index_models": "statistics of a whole pool, of no single record",
    "industries": "a standard",
    "procrastinate_events": "the job queue's own",
    "procrastinate_jobs": "ids of what is to be done; only administrators are shown them",
    "procrastinate_periodic_defers": "the job queue's own",
    "procrastinate_workers": "the job queue's own",
    "rate_limits": "keyed hashes and moments",
    "regions": "a standard",
    "technology_fields": "a standard",
    "vectors": "numbers by the hash of a text that only its reader knows",
}


# Asked of each row, and so part of its plan.
OF_COLUMNS = frozenset({"all_within"})


@pytest.fixture
def connection(database: URL) -> Iterator[Connection]:
    engine = create_engine(database)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_every_table_is_decided_upon(connection: Connection) -> None:
    tables = set(inspect(connection).get_table_names())
    undecided = sorted(tables - PROTECTED - set(OPEN))
    assert not undecided, (
        f"give {undecided} their Rules in a migration and list them as PROTECTED,"
        " or as OPEN with the reason"
    )
    assert not PROTECTED & set(OPEN)
    assert tables == PROTECTED | set(OPEN)


def test_protected_tables_have_rules_that_bind_their_owner(connection: Connection) -> None:
    bound = connection.execute(
        text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    )
    assert set(bound.scalars()) == PROTECTED
    rules = connection.execute(
        text("SELECT tablename, cmd FROM pg_policies WHERE policyname <> 'owner'")
    )
    commands = ("SELECT", "INSERT", "UPDATE", "DELETE")
    assert {tuple(rule) for rule in rules} == {
        (t, command) for t in PROTECTED for command in commands
    }


def test_no_plan_reads_what_a_rule_asks_of_the_scope(connection: Connection) -> None:
    """A function of one SQL expression is written into every plan, each time from its text."""
    unfolded = connection.execute(
        text(
            "SELECT proname FROM pg_proc JOIN pg_language ON pg_language.oid = prolang"
            " WHERE lanname = 'sql' AND NOT prosecdef AND proconfig IS NULL"
            " AND pronamespace = to_regnamespace(:schema)"
        ),
        {"schema": SCHEMA},
    )
    assert set(unfolded.scalars()) == OF_COLUMNS


def test_the_service_owns_nothing_and_has_no_power(connection: Connection) -> None:
    role = connection.execute(
        text(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
            " FROM pg_roles WHERE rolname = :role"
        ),
        {"role": SERVICE_ROLE},
    ).one()
    assert not any(role)
    groups = "SELECT count(*) FROM pg_auth_members WHERE member = to_regrole(:role)"
    assert connection.scalar(text(groups), {"role": SERVICE_ROLE}) == 0
    owned = "SELECT count(*) FROM pg_class WHERE relowner = to_regrole(:role)"
    assert connection.scalar(text(owned), {"role": SERVICE_ROLE}) == 0


def test_what_is_written_once_stays(connection: Connection) -> None:
    """The record of what happened takes additions, standard codes not even those."""
    may = "SELECT has_table_privilege(:role, :table, :privilege)"

    def has(table: str, privilege: str) -> bool:
        asked = {"role": SERVICE_ROLE, "table": table, "privilege": privilege}
        return bool(connection.scalar(text(may), asked))

    for table in PROTECTED | set(OPEN):
        assert has(table, "SELECT")
        assert has(table, "INSERT") == (table not in READ_ONLY), table
        for privilege in ("UPDATE", "DELETE"):
            assert has(table, privilege) == (table not in READ_ONLY | APPEND_ONLY), table
        assert not has(table, "TRUNCATE")


def test_views_show_tables_whose_rules_read_no_other(connection: Connection) -> None:
    """A view reads as its owner, so a rule that read another table would read all of it."""
    views = inspect(connection).get_view_names(schema=VIEWS)
    assert sorted(views) == sorted(VIEWED)
    for view in views:
        read = connection.execute(
            text(
                "SELECT DISTINCT d.refobjid::regclass::text FROM pg_depend d"
                " JOIN pg_rewrite r ON r.oid = d.objid"
                " WHERE r.ev_class = to_regclass(:view) AND d.refclassid = 'pg_class'::regclass"
                " AND d.refobjid <> r.ev_class"
            ),
            {"view": f"{VIEWS}.{view}"},
        )
        assert list(read.scalars()) == [view]
