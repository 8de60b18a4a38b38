"""Forgotten conditions, raw SQL and reused connections give nobody's data away."""

import asyncio
import logging
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository as accounts
from app.accounts.dependencies import CurrentAccount
from app.accounts.models import Account, Role
from app.database import SessionDep, create_engine
from app.demands.models import Demand
from app.experts.models import Expert, ExpertState
from app.main import create_app
from app.scopes import Scope, Sessions, borrowed, create_sessions, open_scope, within
from app.settings import Settings
from tests.app.experts.profiles import store
from tests.app.matches import scenes
from tests.app.row_security.rules import Application
from tests.app.row_security.test_rules import actor, key, people
from tests.app.row_security.world import World, build
from tests.people import GUANGZHOU, YIWU, People

ALL_EXPERTS = text("SELECT id::text FROM experts")


@pytest.fixture
async def world(session: AsyncSession) -> World:
    return await build(session)


@pytest.fixture
async def one_connection(service_database: URL, settings: Settings) -> AsyncIterator[Sessions]:
    """Sessions that have to pass one connection from hand to hand."""
    engine = create_engine(service_database, settings, size=1)
    yield create_sessions(engine)
    await engine.dispose()


@pytest.fixture
def careless(app: FastAPI, settings: Settings) -> FastAPI:
    """An application whose routes have forgotten every condition."""
    probe = create_app(settings)
    probe.state.sessions, probe.state.access_tokens = app.state.sessions, app.state.access_tokens
    probe.state.limiter = app.state.limiter

    @probe.get("/experts")
    async def read_all(session: SessionDep, account: CurrentAccount) -> list[str]:
        return list((await session.scalars(ALL_EXPERTS)).all())

    @probe.get("/nobody")
    async def read_as_nobody(session: SessionDep) -> list[str]:
        return list((await session.scalars(ALL_EXPERTS)).all())

    @probe.post("/experts")
    async def change_all(session: SessionDep, account: CurrentAccount) -> int:
        changed = await session.execute(text("UPDATE experts SET title = 'x'"))
        return int(changed.rowcount)  # type: ignore[attr-defined]

    @probe.post("/steal")
    async def steal(session: SessionDep, account: CurrentAccount) -> None:
        """Write as one's own what one may only read."""
        await session.execute(text("INSERT INTO experts SELECT * FROM experts"))

    return probe


async def asked(app: FastAPI, account: Account, method: str, path: str) -> object:
    token = app.state.access_tokens.write(account.id)
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"Authorization": f"Bearer {token}"}
        return (await client.request(method, path, headers=headers)).json()


async def test_a_forgotten_condition_shows_what_the_caller_may_read(
    world: World, careless: FastAPI
) -> None:
    """Many at once, each several times, on the few connections of one pool."""
    callers = people(world) * 3
    answers = await asyncio.gather(*(asked(careless, a, "GET", "/experts") for a in callers))
    for account, answer in zip(callers, answers, strict=True):
        rule = Application(world, account, actor(world, account)).rules[Expert]
        assert isinstance(answer, list)
        assert set(answer) == {key(e) for e in world.of(Expert) if rule.reads(e)}


async def test_a_forgotten_condition_changes_what_the_caller_may_change(
    world: World, careless: FastAPI, session: AsyncSession
) -> None:
    for account in people(world):
        rule = Application(world, account, actor(world, account)).rules[Expert]
        own = sum(rule.changes(expert) for expert in world.of(Expert))
        assert await asked(careless, account, "POST", "/experts") == own
        await session.execute(update(Expert).values(title=""))
        await session.commit()


async def test_nobody_sees_nothing(world: World, careless: FastAPI) -> None:
    transport = ASGITransport(app=careless)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/nobody")).json() == []


async def test_what_the_database_refuses_is_forbidden_and_told_without_values(
    careless: FastAPI, people: People, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    await store(session, name="密密密", region_code=GUANGZHOU)
    coordinator = await people.account(Role.COORDINATOR, region_code=YIWU)
    with caplog.at_level(logging.ERROR):
        answer = await asked(careless, coordinator, "POST", "/steal")
    assert isinstance(answer, dict)
    assert (answer["status"], answer["code"]) == (403, "forbidden")
    assert "row-level security" in caplog.text
    assert "密密密" not in caplog.text


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SELECT set_config('role', 'postgres', false)",
        "ALTER ROLE shuangku_service BYPASSRLS",
        "ALTER TABLE experts DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE experts NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY reading ON experts",
        "CREATE POLICY mine ON experts USING (true)",
        "CREATE OR REPLACE FUNCTION is_staff() RETURNS boolean LANGUAGE sql RETURN true",
        "CREATE OR REPLACE VIEW readable.experts AS SELECT * FROM experts",
        "GRANT shuangku_service TO shuangku_service",
        "TRUNCATE experts",
        "DELETE FROM changes",
        "DELETE FROM audit_entries",
        "UPDATE audit_seals SET number = 0",
        "UPDATE changes SET data = '{}'",
        "DELETE FROM regions",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY experts FROM PROGRAM 'true'",
    ],
)
async def test_the_service_cannot_shake_off_its_rules(
    app: FastAPI, session: AsyncSession, statement: str
) -> None:
    await store(session)
    async with app.state.sessions() as own:
        with pytest.raises(DBAPIError):
            await own.execute(text(statement))
        await own.rollback()
        assert (await own.scalars(ALL_EXPERTS)).all() == []


async def test_without_rules_the_service_may_not_read_at_all(app: FastAPI) -> None:
    async with app.state.sessions() as own:
        await own.execute(text("SET LOCAL row_security = off"))
        with pytest.raises(DBAPIError, match="would be affected by row-level security"):
            await own.scalars(ALL_EXPERTS)


async def test_going_back_to_the_first_role_changes_nothing(
    app: FastAPI, session: AsyncSession
) -> None:
    await store(session)
    async with app.state.sessions() as own:
        for statement in ("RESET ROLE", "SET ROLE NONE", "RESET SESSION AUTHORIZATION"):
            await own.execute(text(statement))
            assert (await own.scalars(ALL_EXPERTS)).all() == []
        copied = await own.execute(text("CREATE TEMP TABLE stolen AS SELECT * FROM experts"))
        assert copied.rowcount == 0


@pytest.mark.parametrize("end", ["commit", "rollback", "error", "close"])
async def test_a_scope_ends_with_its_transaction(
    one_connection: Sessions,
    people: People,
    session: AsyncSession,
    end: str,
) -> None:
    await store(session)
    account = await people.account(Role.ADMINISTRATOR)
    async with one_connection() as first:
        process = await first.scalar(text("SELECT pg_backend_pid()"))
        await accounts.open_scope_of(first, account.id)
        await open_scope(first, Scope.SERVICE, "a key")
        assert len((await first.scalars(ALL_EXPERTS)).all()) == 1
        if end == "error":
            with pytest.raises(DBAPIError):
                await first.execute(text("SELECT 1 / 0"))
        elif end != "close":
            await getattr(first, end)()
    async with one_connection() as second:
        assert await second.scalar(text("SELECT pg_backend_pid()")) == process
        assert (await second.scalars(ALL_EXPERTS)).all() == []
        for name in ("scope", "key", "account", "role", "region", "organizations"):
            left = await second.scalar(text(f"SELECT current_setting('shuangku.{name}', true)"))
            assert not left, name


async def test_an_account_is_there_again_after_a_rollback(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """So that a request that begins again, as after a deadlock, works for the same caller."""
    await store(session)
    account = await people.account(Role.ADMINISTRATOR)
    async with app.state.sessions() as own:
        await accounts.open_scope_of(own, account.id)
        await own.rollback()
        assert len((await own.scalars(ALL_EXPERTS)).all()) == 1
        account.is_active = False
        await session.commit()
        await own.rollback()
        assert (await own.scalars(ALL_EXPERTS)).all() == []


async def test_a_savepoint_takes_its_scope_with_it(app: FastAPI, session: AsyncSession) -> None:
    await store(session)
    async with app.state.sessions() as own:
        async with own.begin_nested() as savepoint:
            await open_scope(own, Scope.SERVICE)
            assert len((await own.scalars(ALL_EXPERTS)).all()) == 1
            await savepoint.rollback()
        assert (await own.scalars(ALL_EXPERTS)).all() == []


async def test_what_is_borrowed_is_given_back(app: FastAPI, session: AsyncSession) -> None:
    """At the end of the block, and whatever goes wrong in it."""
    await store(session, state=ExpertState.DRAFT)
    async with app.state.sessions() as own:
        async with borrowed(own, Scope.SERVICE):
            assert len((await own.scalars(ALL_EXPERTS)).all()) == 1
            async with borrowed(own, Scope.INDEX):
                assert (await own.scalars(ALL_EXPERTS)).all() == []
            assert len((await own.scalars(ALL_EXPERTS)).all()) == 1
        assert (await own.scalars(ALL_EXPERTS)).all() == []
        with pytest.raises(RuntimeError):
            async with borrowed(own, Scope.SERVICE):
                raise RuntimeError
        assert (await own.scalars(ALL_EXPERTS)).all() == []
        with pytest.raises(IntegrityError):
            async with own.begin_nested(), borrowed(own, Scope.SERVICE):
                own.add(Demand(organization_id=uuid4(), title="", search=""))
        assert (await own.scalars(ALL_EXPERTS)).all() == []


async def test_named_scopes_are_narrow(app: FastAPI, session: AsyncSession) -> None:
    """What works for nobody in particular sees and writes what its name says, and no more."""
    pooled = await store(session, name="在库")
    draft = await store(session, name="草稿", state=ExpertState.DRAFT, external_id="E1")
    seen = {
        Scope.LOOKUP: [],
        Scope.REGISTRATION: [],
        Scope.PROGRESS: [],
        Scope.IMPORT: [],
        Scope.INDEX: [pooled.id],
        Scope.PROBLEMS: [],
        Scope.LEARNING: [],
        Scope.JUDGING: [pooled.id],
        Scope.MATCHES: [],
        Scope.RECOMMENDATIONS: [],
        Scope.HANDOVER: [],
        Scope.AUDIT: [],
        Scope.READINGS: [],
        Scope.SEALING: [],
        Scope.RETENTION: [],
        Scope.SERVICE: sorted([pooled.id, draft.id]),
    }
    assert set(seen) == set(Scope)
    for scope, expected in seen.items():
        async with within(app.state.sessions, scope)() as own:
            found = await own.scalars(select(Expert.id).order_by(Expert.id))
            assert list(found) == expected, scope
            changed = await own.execute(
                text("UPDATE experts SET title = title WHERE state = 'draft'")
            )
            assert changed.rowcount == (scope is Scope.SERVICE), scope  # type: ignore[attr-defined]
    async with app.state.sessions() as own:
        await open_scope(own, Scope.LOOKUP, "E1")
        assert list(await own.scalars(select(Expert.id))) == [draft.id]


async def test_staff_still_see_candidates_who_have_left_the_pool_elsewhere(
    people: People, session: AsyncSession
) -> None:
    """A run shows whom it ranked; the expert's own record is closed to other regions."""
    person = await people.account(Role.EXPERT)
    expert = await scenes.expert(
        session, "远方", scenes.DIRECTIONS["染整"], region_code=GUANGZHOU, account_id=person.id
    )
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator(YIWU)
    run = await scenes.match(staff, demand.id)
    [match] = run["matches"]
    own = await people.client(person)
    review = await own.post(f"/matches/{match['id']}:request-review", json={"reason": "请看"})
    assert review.status_code == 201
    expert.state = ExpertState.SUSPENDED
    await session.commit()

    assert (await staff.get(f"/experts/{expert.id}")).status_code == 404
    listed = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"]
    assert [item["expert"]["name"] for item in listed] == ["远方"]
    path = f"/match-reviews/{review.json()['id']}"
    assert (await staff.get(path)).json()["allowed_actions"] == ["answer"]
    assert len((await staff.get("/match-reviews")).json()["items"]) == 1
    answered = await staff.post(f"{path}:answer", json={"answer": "已核对"})
    assert answered.json()["state"] == "answered"
    judged = await scenes.judge(staff, match["id"], "recommended")
    assert judged == 409  # who is not in the pool is not recommended
