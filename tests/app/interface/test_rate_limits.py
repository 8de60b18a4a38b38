"""No caller takes more than a share, whichever process they ask, and no stranger shuts one out."""

import asyncio
import math
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any, Protocol, cast
from uuid import uuid4

import psycopg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from procrastinate import JobContext
from sqlalchemy import URL, event, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.accounts.secrets import hash_password
from app.interface import rate_limits
from app.interface.policies import RateClass, policies_of
from app.interface.tasks import forget_old_counters
from app.main import create_app, services
from app.postgres.embedded import EmbeddedServer
from app.scopes import Scope, within
from app.settings import Settings
from tests.people import People

OWNER, PASSWORD = "li@test.invalid", "correct-horse-42"
HOME, STRANGE = "198.51.100.7", "203.0.113.{}"
ITEM = re.compile(r'"([a-z-]+)";([a-z]+)=(\d+);([a-z]+)=(\d+)')


class Start(Protocol):
    async def __call__(self, rate_limits: str) -> FastAPI: ...


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's database is not one that is away; what is of that says so."""
    monkeypatch.setattr(rate_limits, "LONGEST_SECONDS", 20.0)


@pytest.fixture
async def start(settings: Settings, service_database: URL) -> AsyncIterator[Start]:
    """Starts one more process, as it were, on this test's database."""
    async with AsyncExitStack() as running:

        async def begin(rate_limits: str) -> FastAPI:
            app = create_app(settings.model_copy(update={"rate_limits": rate_limits}))
            await running.enter_async_context(services(app, service_database))
            return app

        yield begin


@asynccontextmanager
async def caller(app: FastAPI, address: str = HOME, token: str = "") -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app=app, raise_app_exceptions=False, client=(address, 40_000))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with AsyncClient(
        transport=transport, base_url="http://test/api/v1", headers=headers
    ) as client:
        yield client


async def statuses(client: AsyncClient, path: str, times: int) -> Counter[int]:
    return Counter([(await client.get(path)).status_code for _ in range(times)])


def fields(answer: Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """Policy and standing, as read from the header fields."""
    found = []
    for name in ("RateLimit-Policy", "RateLimit"):
        item = ITEM.fullmatch(answer.headers[name])
        assert item, answer.headers[name]
        policy, *pairs = item.groups()
        found.append({"policy": policy, pairs[0]: int(pairs[1]), pairs[2]: int(pairs[3])})
    return found[0], found[1]


async def sign_in(
    app: FastAPI, password: str = PASSWORD, *, address: str = HOME, email: str = OWNER
) -> Response:
    async with caller(app, address) as client:
        return await client.post("/auth:sign-in", json={"email": email, "password": password})


@pytest.fixture
async def owner(start: Start) -> Account:
    app = await start("")
    async with within(app.state.sessions, Scope.SERVICE).begin() as session:
        account = Account(
            email=OWNER,
            display_name="李",
            role=Role.ENTERPRISE,
            password_hash=await hash_password(PASSWORD),
            is_active=True,
        )
        session.add(account)
    return account


async def test_every_answer_says_how_its_caller_stands(start: Start) -> None:
    app = await start("reads=100/36000")
    async with caller(app) as client:
        for expected, path in enumerate(["/technology-fields", "/me", "/regions?limit=0"], 1):
            policy, standing = fields(await client.get(path))
            assert policy == {"policy": "reads", "q": 100, "w": 36_000}
            assert standing == {"policy": "reads", "r": 100 - expected, "t": 360 * expected}
        policy, _ = fields(await client.post("/experts", json={}))
        assert policy == {"policy": "writes", "q": 300, "w": 60}
        assert "ratelimit" not in (await client.get("http://test/livez")).headers
        assert "ratelimit" not in (await client.get("/nowhere")).headers


async def test_whoever_asks_too_often_is_told_when_to_come_back(start: Start) -> None:
    app = await start("reads=5/30")
    async with caller(app) as client:
        assert await statuses(client, "/technology-fields", 5) == {200: 5}
        refused = await client.get("/technology-fields")
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["cache-control"] == "no-store"
        seconds = int(refused.headers["retry-after"])
        assert 1 <= seconds <= 6
        assert fields(refused)[1] == {"policy": "reads", "r": 0, "t": seconds}
        problem = refused.json()
        assert (problem["code"], problem["title"]) == ("rate_limited", "请求过于频繁")
        assert problem["detail"] == f"请在 {seconds} 秒后重试"
        english = await client.get("/me", headers={"Accept-Language": "en"})
        assert english.json()["detail"].startswith("Try again in ")
        await asyncio.sleep(seconds)
        assert (await client.get("/technology-fields")).status_code == 200
    async with caller(app, "198.51.100.8") as neighbour:
        assert (await neighbour.get("/technology-fields")).status_code == 200


async def test_the_document_is_counted_and_written_down_once(start: Start) -> None:
    """Strangers may ask for it; to write it down takes 15 times as long as to send it."""
    app = await start("reads=30/36000")
    path = "http://test/openapi.json"
    async with caller(app) as client:
        first = await client.get(path)
        assert first.json() == app.openapi()
        assert fields(first)[1]["r"] == 29
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "openapi", None)  # nobody needs it any more
            again = [await client.get(path) for _ in range(20)]
        assert {answer.content for answer in again} == {first.content}
        known = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["etag"] == first.headers["etag"]
        assert (await client.head(path)).status_code == 200
        assert await statuses(client, path, 10) == {200: 7, 429: 3}


def unknown(count: int) -> dict[str, Any]:
    return {"items": [{"action": "submit", "id": str(uuid4())} for _ in range(count)]}


async def test_a_batch_costs_a_write_for_ten_items(start: Start, people: People) -> None:
    app = await start("writes=100/36000")
    token = app.state.access_tokens.write((await people.account(Role.ENTERPRISE)).id)
    async with caller(app, token=token) as client:

        async def left(count: int) -> tuple[int, int]:
            answer = await client.post("/demands:batch", json=unknown(count))
            return answer.status_code, fields(answer)[1]["r"]

        assert await left(500) == (200, 50)
        assert await left(1) == (200, 49)
        assert await left(10) == (200, 48)
        assert await left(301) == (200, 17)
        body = {"items": unknown(200)["items"]}
        refused = await client.post("/demands:batch", json=body)
        assert refused.status_code == 429
        assert 3 * 360 - 60 <= int(refused.headers["retry-after"]) <= 3 * 360
        assert await left(100) == (200, 6), "what is left is for smaller ones"


async def test_a_batch_that_costs_more_than_there_is_takes_it_all(
    start: Start, people: People
) -> None:
    app = await start("writes=20/36000")
    token = app.state.access_tokens.write((await people.account(Role.ENTERPRISE)).id)
    async with caller(app, token=token) as client:
        answers = [await client.post("/demands:batch", json=unknown(500)) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]


async def test_a_used_up_quota_comes_back_evenly(start: Start) -> None:
    app = await start("reads=20/20")
    async with caller(app) as client:
        began_at = time.monotonic()
        at_once = (await statuses(client, "/technology-fields", 40))[200]
        assert 20 <= at_once <= 21 + time.monotonic() - began_at
        await asyncio.sleep(2.1)
        came_back = (await statuses(client, "/technology-fields", 10))[200]
        assert came_back >= 2
        assert at_once + came_back <= 21 + time.monotonic() - began_at


async def test_a_clock_set_back_shuts_nobody_out(start: Start, session: AsyncSession) -> None:
    """What a counter says of a time far ahead counts for no more than a whole quota."""
    app = await start("reads=2/1")
    async with caller(app) as client:
        assert (await statuses(client, "/countries", 5))[429]
        await session.execute(text("UPDATE rate_limits SET full_at = full_at + interval '2 hours'"))
        await session.commit()
    async with caller(await start("reads=2/1")) as client:  # a process that remembers nothing
        answer = await client.get("/countries")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) <= 1
        await asyncio.sleep(1.1)
        assert (await client.get("/countries")).status_code == 200


async def test_processes_agree(start: Start) -> None:
    """Three of them let pass what one would, but for the few that each lets pass unasked."""
    quota, apps = 200, [await start("reads=200/36000") for _ in range(3)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(caller(app)) for app in apps]
        found = await asyncio.gather(
            *(statuses(client, "/technology-fields", 120) for client in clients)
        )
    passed = sum(f[200] for f in found)
    assert sum(f[429] for f in found) == 360 - passed
    unasked = policies_of("reads=200/36000")[RateClass.READS].unasked
    assert quota <= passed <= quota + 3 * unasked
    assert all(f[200] > 20 for f in found), found


async def test_what_guards_secrets_counts_to_the_last(start: Start) -> None:
    apps = [await start("refresh=10/36000") for _ in range(2)]
    async with caller(apps[0]) as one, caller(apps[1]) as other:
        body = {"refresh_token": "x" * 43}
        answers = await asyncio.gather(
            *(client.post("/auth:refresh", json=body) for client in (one, other) * 12)
        )
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 14}


async def test_most_requests_ask_nobody(start: Start) -> None:
    app = await start("reads=2000/60")
    asked: list[str] = []
    engine = app.state.limiter._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    async with caller(app) as client:
        assert await statuses(client, "/technology-fields", 20) == {200: 20}
        assert asked == []
        assert await statuses(client, "/technology-fields", 300) == {200: 300}
    assert len(asked) == math.ceil(300 / 100)


async def test_an_account_has_one_share_for_all_its_keys_and_addresses(start: Start) -> None:
    app = await start("reads=20/36000")
    sessions = within(app.state.sessions, Scope.SERVICE)
    async with sessions() as session, People(app, session) as people:
        account = await people.account(Role.EXPERT)
        own = await people.client(account)
        tokens = [own.headers["Authorization"].removeprefix("Bearer ")]
        for n in range(2):
            made = await own.post("/api-keys", json={"name": f"键{n}", "password": PASSWORD})
            tokens.append(made.json()["key"])
        passed = Counter[int]()
        for n, token in enumerate(tokens):
            async with caller(app, STRANGE.format(n), token) as client:
                passed += await statuses(client, "/me", 12)
        # A key counts for its address until it has been let in once.
        assert 20 <= passed[200] <= 20 + len(tokens)
        other = await people.client(await people.account(Role.EXPERT))
        assert (await other.get("/me")).status_code == 200


async def test_all_spellings_of_a_credential_have_one_share(start: Start) -> None:
    """Or each would count for its address first, and a key for as many addresses as one has."""
    app = await start("reads=5/36000")
    sessions = within(app.state.sessions, Scope.SERVICE)
    async with sessions() as session, People(app, session) as people:
        own = await people.client(await people.account(Role.EXPERT))
        key = (await own.post("/api-keys", json={"name": "键", "password": PASSWORD})).json()["key"]
        found = Counter[int]()
        schemes = ["Bearer", "bearer", "BEARER", "BeArEr", "bEaReR", "bearER", "BEarer", "beARer"]
        for n, scheme in enumerate(schemes):
            async with caller(app, STRANGE.format(n)) as client:
                client.headers["Authorization"] = f"{scheme} {key}"
                found += await statuses(client, "/me", 1)
        # The first one counts for its address: nobody knew the key.
        assert found == {200: 6, 429: 2}


async def test_made_up_credentials_count_for_their_address(start: Start) -> None:
    app = await start("reads=10/36000")
    found = Counter[int]()
    for n in range(15):
        async with caller(app, token=f"sk_{n}") as client:
            found += await statuses(client, "/me", 1)
    assert found == {401: 10, 429: 5}


async def test_hosts_of_one_ipv6_network_are_one(start: Start) -> None:
    app = await start("reads=5/36000")
    found = Counter[int]()
    for n in range(8):
        async with caller(app, f"2001:db8:1:2::{n}") as client:
            found += await statuses(client, "/technology-fields", 1)
    assert found == {200: 5, 429: 3}
    async with caller(app, "2001:db8:1:3::1") as client:
        assert (await client.get("/technology-fields")).status_code == 200
    async with caller(app, "::ffff:198.51.100.9") as client:
        assert (await statuses(client, "/technology-fields", 6))[429] == 1
    async with caller(app, "198.51.100.9") as client:
        assert (await client.get("/technology-fields")).status_code == 429


async def test_guessing_from_many_addresses_is_slowed(start: Start, owner: Account) -> None:
    apps = [await start("email=5/36000") for _ in range(2)]
    found = [
        await sign_in(apps[n % 2], "wrong-horse-42", address=STRANGE.format(n)) for n in range(8)
    ]
    assert [answer.status_code for answer in found] == [401] * 5 + [429] * 3
    assert fields(found[-1])[1]["policy"] == "email"
    right = await sign_in(apps[0], address=STRANGE.format(99))
    assert right.status_code == 429  # or the limit would only hide which guess was right


async def test_strangers_do_not_shut_the_owner_out(start: Start, owner: Account) -> None:
    app = await start("email=5/36000")
    assert (await sign_in(app)).status_code == 200
    for n in range(8):
        await sign_in(app, "wrong-horse-42", address=STRANGE.format(n))
    assert (await sign_in(app, address=STRANGE.format(99))).status_code == 429
    assert (await sign_in(app)).status_code == 200
    guesses = [(await sign_in(app, "wrong-horse-42")).status_code for _ in range(7)]
    assert guesses == [401] * 5 + [429] * 2


async def test_signing_in_costs_only_those_who_fail(start: Start, owner: Account) -> None:
    app = await start("email=3/36000")
    assert [(await sign_in(app)).status_code for _ in range(6)] == [200] * 6


async def test_limits_do_not_tell_which_accounts_exist(start: Start, owner: Account) -> None:
    app = await start("email=3/36000")

    async def course(email: str) -> list[tuple[int, str]]:
        answers = [
            await sign_in(app, "wrong-horse-42", email=email, address=STRANGE.format(n))
            for n in range(5)
        ]
        return [(answer.status_code, answer.headers["ratelimit-policy"]) for answer in answers]

    assert await course(OWNER) == await course("nobody@test.invalid")


WRONG = "wrong-horse-42"
ASKING = {
    "/me:change-password": {"current_password": WRONG, "new_password": "another-horse-43"},
    "/me/second-factor:enrol": {"password": WRONG},
    "/me/second-factor:disable": {"password": WRONG, "code": "492039"},
    "/me/second-factor:renew-recovery-codes": {"password": WRONG, "code": "492039"},
    "/me/identities:start": {
        "password": WRONG,
        "provider": "kexie",
        "redirect_uri": "https://app.test.invalid/back",
    },
    "/me:erase": {"password": WRONG},
    "/api-keys": {"name": "键", "password": WRONG},
}


@pytest.mark.parametrize("path", ASKING)
async def test_a_stolen_session_does_not_guess_the_password(
    start: Start, owner: Account, path: str
) -> None:
    app = await start("email=3/36000")
    async with caller(app, STRANGE.format(1), app.state.access_tokens.write(owner.id)) as thief:
        answers = [(await thief.post(path, json=ASKING[path])) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422] * 3 + [429] * 2


async def test_asking_for_a_reset_is_counted_though_it_always_succeeds(
    start: Start, owner: Account
) -> None:
    app = await start("email=3/36000")
    answers = []
    for n in range(5):
        async with caller(app, STRANGE.format(n)) as client:
            body = {"email": OWNER}
            answers.append(await client.post("/auth:request-password-reset", json=body))
    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 2
    assert (await sign_in(app)).status_code == 200


async def test_registrations_from_one_address_are_few(start: Start) -> None:
    app = await start("registration=3/36000")
    async with caller(app) as client:
        found = [(await client.post("/organizations:register", json={})) for _ in range(5)]
    assert [answer.status_code for answer in found] == [422] * 3 + [429] * 2


async def test_without_limits_nothing_is_counted(start: Start, session: AsyncSession) -> None:
    app = await start("off")
    answer = await sign_in(app)
    assert answer.status_code == 401
    assert "ratelimit" not in answer.headers
    assert await session.scalar(text("SELECT count(*) FROM rate_limits")) == 0


async def test_counters_say_nothing_of_people(
    start: Start, owner: Account, session: AsyncSession
) -> None:
    app = await start("")
    await sign_in(app)
    rows = (await session.execute(text("SELECT subject, full_at FROM rate_limits"))).all()
    assert len(rows) == 3  # the address's attempts, the e-mail's, and that they go together
    for row in rows:
        assert len(row.subject) == 16
        assert HOME.encode() not in row.subject
    logged = await session.scalar(
        text("SELECT relpersistence::text FROM pg_class WHERE relname = 'rate_limits'")
    )
    assert logged == "u"


async def test_full_counters_are_deleted(start: Start, session: AsyncSession) -> None:
    app = await start("refresh=1/1,registration=1/3600")
    async with caller(app) as client:
        await client.post("/auth:refresh", json={})
        await client.post("/organizations:register", json={})
    await asyncio.sleep(1.1)
    context = SimpleNamespace(additional_context={"sessions": app.state.sessions})
    await forget_old_counters(cast(JobContext, context))
    assert await session.scalar(text("SELECT count(*) FROM rate_limits")) == 1


async def test_a_counter_that_is_held_up_holds_nobody_up(
    start: Start,
    database: URL,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limits, "LONGEST_SECONDS", 2.0)
    app = await start("reads=2/60,refresh=5/60")
    conninfo = database.set(drivername="postgresql").render_as_string(hide_password=False)
    async with caller(app) as client:
        with psycopg.connect(conninfo) as blocking:
            blocking.execute("LOCK TABLE rate_limits")
            began_at = time.monotonic()
            assert await statuses(client, "/technology-fields", 6) == {200: 6}
            assert time.monotonic() - began_at < 8  # one look, not six
            guarded = await client.post("/auth:refresh", json={"refresh_token": "x" * 43})
            assert guarded.status_code == 503
            assert int(guarded.headers["retry-after"]) > 0
        answer = await client.post("/auth:refresh", json={"refresh_token": "x" * 43})
        assert answer.status_code == 401
    assert "rate limits without their database" in caplog.text
    assert HOME not in caplog.text


async def test_without_their_database_each_process_counts_alone(
    start: Start, server: EmbeddedServer
) -> None:
    app = await start("reads=40/60")
    away = server.url.set(port=1)
    async with app.state.limiter.sharing(away), caller(app) as client:
        assert await statuses(client, "/technology-fields", 100) == {200: 100}
        assert (await sign_in(app)).status_code == 503
        assert app.state.limiter._away_until > time.monotonic()


@pytest.mark.parametrize("nonsense", ["reads", "reads=1", "reads=0/1", "reads=a/b", "dreams=1/1"])
def test_settings_that_cannot_be_read(settings: Settings, nonsense: str) -> None:
    with pytest.raises(ValueError, match="rate_limits"):
        Settings(_env_file=None, rate_limits=nonsense)


def test_settings_change_what_they_name() -> None:
    found = policies_of("all=7/8, reads=5/6")
    assert (found[RateClass.READS].quota, found[RateClass.READS].window) == (5, 6)
    assert {found[name].quota for name in RateClass if name != RateClass.READS} == {7}
    assert policies_of("writes=1/2")[RateClass.READS].quota == 1200
    assert policies_of("off") == {}
