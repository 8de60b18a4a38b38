"""PostgreSQL's rules and the application's agree on every row, for everybody."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import URL, Connection, create_engine, inspect, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import MEMBERS, Account
from app.achievements import access as achievements
from app.achievements.models import Achievement
from app.database import Base
from app.demands import access as demands
from app.demands.models import Demand
from app.experts import access as experts
from app.experts.models import Expert
from app.interface.models import AuditEntry, UnsealedEntry
from app.organizations.actors import Actor
from app.organizations.models import Membership, MembershipState
from app.postgres.roles import SERVICE_ROLE, VIEWED, VIEWS
from app.problems.models import ProblemMember
from tests.app.row_security.rules import Application
from tests.app.row_security.world import World
from tests.architecture.test_row_security import PROTECTED

# What is listed; a match or a docking also lets its parties read what it is about.
LISTED: dict[type[Any], Any] = {Expert: experts, Demand: demands, Achievement: achievements}


def actor(world: World, account: Account) -> Actor:
    """The account as the door would let it in."""
    own = frozenset(
        m.organization_id
        for m in world.of(Membership)
        if m.account_id == account.id and m.state is MembershipState.APPROVED
    )
    is_member = account.role in MEMBERS
    return Actor(
        account_id=account.id,
        role=account.role,
        region_code=account.region_code,
        organization_ids=own if is_member else frozenset(),
    )


def keys(kind: type[Base]) -> str:
    names = [column.name for column in inspect(kind).primary_key]
    return f"concat_ws(' ', {', '.join(names)})"


def key(record: Any) -> str:
    return " ".join(str(value) for value in inspect(record).identity)


def enter(connection: Connection, account: Account) -> None:
    connection.execute(text("SELECT * FROM enter(:id)"), {"id": account.id})


def readable(connection: Connection, kind: type[Base], schema: str = "public") -> set[str]:
    table = f"{schema}.{kind.__tablename__}"
    return set(connection.execute(text(f"SELECT {keys(kind)} FROM {table}")).scalars())


# Tries a statement on a row, undoes it, and tells whether it went through. A row that is there
# already shows that it could have been added: rules come before keys.
TRY = """
CREATE FUNCTION pg_temp.{verb}_{table}(tried json) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    reached integer;
BEGIN
    {statement};
    GET DIAGNOSTICS reached = ROW_COUNT;
    IF reached = 0 THEN
        RETURN false;
    END IF;
    RAISE EXCEPTION 'undone' USING ERRCODE = 'SK001';
EXCEPTION
    WHEN insufficient_privilege THEN RETURN false;
    WHEN unique_violation OR SQLSTATE 'SK001' THEN RETURN true;
END $$
"""
ROW = "json_populate_record(CAST(NULL AS {table}), tried) AS r"
VERBS = {
    "adds": "INSERT INTO {table} SELECT * FROM {row}",
    "changes": "UPDATE {table} AS t SET {first} = t.{first} FROM {row} WHERE {is_it}",
    "deletes": "DELETE FROM {table} AS t USING {row} WHERE {is_it}",
}


@pytest.fixture
def connection(world_database: URL, world: World) -> Iterator[Connection]:
    """One connection of the service, which every transaction of a test uses in turn."""
    engine = create_engine(world_database.set(username=SERVICE_ROLE))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def prepare_to_try(connection: Connection, kind: type[Base], verb: str) -> None:
    table, names = kind.__tablename__, [column.name for column in inspect(kind).primary_key]
    statement = VERBS[verb].format(
        table=table,
        row=ROW.format(table=table),
        first=names[0],
        is_it=" AND ".join(f"t.{name} = r.{name}" for name in names),
    )
    connection.execute(text(TRY.format(table=table, verb=verb, statement=statement)))
    connection.commit()


def passing(connection: Connection, kind: type[Base], verb: str, rows: str) -> set[str]:
    """The rows that the transaction may add, write as they are, or delete."""
    table = kind.__tablename__
    query = (
        f"SELECT {keys(kind)} FROM json_populate_recordset(CAST(NULL AS {table}),"
        f" CAST(:rows AS json)) AS r WHERE pg_temp.{verb}_{table}(to_json(r))"
    )
    return set(connection.execute(text(query), {"rows": rows}).scalars())


async def stored(session: AsyncSession, kind: type[Base]) -> str:
    """All rows of a table as JSON."""
    query = text(f"SELECT CAST(json_agg(t) AS text) FROM {kind.__tablename__} AS t")
    return str(await session.scalar(query))


def people(world: World) -> list[Account]:
    """One account of every role and region that is not shut."""
    return [account for account in world.of(Account) if account.is_active]


async def test_everybody_reads_what_the_application_says(
    world: World, owner: AsyncSession, connection: Connection
) -> None:
    for account in people(world):
        rules = Application(world, account, actor(world, account)).rules
        assert {kind.__tablename__ for kind in rules} == PROTECTED
        enter(connection, account)
        for kind, rule in rules.items():
            expected = {key(r) for r in world.of(kind) if rule.reads(r)}
            assert readable(connection, kind) == expected, (kind, account.display_name)
            if kind.__tablename__ in VIEWED:
                assert readable(connection, kind, VIEWS) == expected
            if kind in LISTED:
                access, caller = LISTED[kind], actor(world, account)
                listed = await owner.scalars(
                    select(inspect(kind).c.id).where(access.readable(caller))
                )
                shown = {key(r) for r in world.of(kind) if access.may_read(caller, r)}
                assert {str(record_id) for record_id in listed} == shown <= expected
        connection.rollback()


@pytest.mark.parametrize("verb", VERBS)
async def test_everybody_writes_what_the_application_says(
    world: World, owner: AsyncSession, connection: Connection, verb: str
) -> None:
    rows = {kind: await stored(owner, kind) for kind in world.records}
    for kind in world.records:
        prepare_to_try(connection, kind, verb)
    for account in people(world):
        rules = Application(world, account, actor(world, account)).rules
        enter(connection, account)
        for kind, rule in rules.items():
            expected = {key(r) for r in world.of(kind) if getattr(rule, verb)(r)}
            found = passing(connection, kind, verb, rows[kind])
            assert found == expected, (kind, account.display_name)
        connection.rollback()


async def test_a_demand_is_moved_in_a_problem_by_those_who_carry_it(
    world: World, connection: Connection
) -> None:
    """The rule for UPDATE lets the rest of a member be written by all staff of its problem."""
    for account in people(world):
        rule = Application(world, account, actor(world, account)).rules[ProblemMember]
        enter(connection, account)
        for member in world.of(ProblemMember):
            assert _is_moved(connection, member) == rule.adds(member), account.display_name
        connection.rollback()


def _is_moved(connection: Connection, member: ProblemMember) -> bool:
    """Whether it is taken out or put in again; that is undone."""
    update = text("UPDATE problem_members SET is_excluded = NOT is_excluded WHERE id = :id")
    savepoint = connection.begin_nested()
    try:
        return connection.execute(update, {"id": member.id}).rowcount == 1
    except ProgrammingError:  # insufficient privilege
        return False
    finally:
        savepoint.rollback()


@pytest.mark.parametrize("scope", [None, "nonsense", "account", "import", "shut"])
async def test_without_a_scope_nothing_is_seen_or_written(
    world: World, owner: AsyncSession, connection: Connection, scope: str | None
) -> None:
    """Nor in one that nobody has entered, nor as an account that was shut."""
    tries = [(kind, verb) for kind in world.records for verb in VERBS]
    for kind, verb in tries:
        prepare_to_try(connection, kind, verb)
    if scope == "shut":
        enter(connection, next(a for a in world.of(Account) if not a.is_active))
    elif scope is not None:
        asked = {"scope": scope}
        connection.execute(text("SELECT set_config('shuangku.scope', :scope, true)"), asked)
    for kind, verb in tries:
        assert readable(connection, kind) == set(), kind
        rows = await stored(owner, kind)
        is_told = verb == "adds" and kind in (AuditEntry, UnsealedEntry)  # refusals of nobody's
        expected = {key(record) for record in world.of(kind)} if is_told else set()
        assert passing(connection, kind, verb, rows) == expected, (kind, verb)
