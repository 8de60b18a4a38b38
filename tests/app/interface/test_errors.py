"""Every failure answers as problem+json, in the caller's language, without internals."""

import asyncio
import errno
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import URL, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from app import main
from app.accounts.models import Account, Role
from app.database import SessionDep, create_engine
from app.health import Condition
from app.interface import errors
from app.interface.failures import from_http
from app.main import create_app, services
from app.matches.index.ranking import create_matcher
from app.postgres.embedded import EmbeddedServer
from app.scopes import create_sessions
from app.settings import Settings
from tests.people import People, new_key

SIGN_IN = {"email": "nobody@test.invalid", "password": "correct-horse-42"}


def assert_problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == errors.MEDIA_TYPE
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    return problem


async def test_language_of_problems(client: AsyncClient) -> None:
    chinese = await client.get("/me")
    assert assert_problem(chinese, 401, "not_signed_in")["title"] == "请先登录"
    assert chinese.headers["content-language"] == "zh-CN"
    assert "Accept-Language" in chinese.headers["vary"]
    assert chinese.headers["www-authenticate"] == "Bearer"
    english = await client.get("/me", headers={"Accept-Language": "en-GB, zh; q=0.5"})
    assert assert_problem(english, 401, "not_signed_in")["title"] == "Sign in first"
    assert english.headers["content-language"] == "en"


async def test_pointers_of_nested_fields(people: People) -> None:
    staff = await people.coordinator()
    body = {"name": "某人", "evidence": [{"kind": "patent", "title": "一"}, {"kind": "?"}]}
    answer = await staff.post("/experts", json=body | {"nonsense": 1})
    problem = assert_problem(answer, 422, "invalid")
    assert {(e["pointer"], e["code"]) for e in problem["errors"]} == {
        ("/evidence/1/kind", "enum"),
        ("/evidence/1/title", "missing"),
        ("/nonsense", "extra_forbidden"),
    }
    assert all(not error["detail"].isascii() for error in problem["errors"])


async def test_parameters_are_named(people: People) -> None:
    staff = await people.coordinator()
    answer = await staff.get("/experts", params={"limit": 0, "colour": "red"})
    problem = assert_problem(answer, 422, "invalid")
    assert {error["pointer"] for error in problem["errors"]} == {"limit", "colour"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"email": ',
        b"\xff\xfe",
        b'{"email": "a"} trailing',
        b"[" * 50_000,
        b"9" * 5_000,
        b"",
        b"null",
        b"[]",
        b'"text"',
    ],
)
async def test_bodies_that_are_no_objects(client: AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/auth:sign-in", content=body, headers=headers)
    is_json = body in (b"", b"null", b"[]", b'"text"')
    if is_json:
        assert_problem(answer, 422, "invalid")
    else:
        problem = assert_problem(answer, 400, "malformed_request")
        assert all(error["pointer"] == "" for error in problem["errors"])


async def test_a_body_that_is_not_there_is_said_to_be(client: AsyncClient) -> None:
    problem = assert_problem(await client.post("/auth:sign-in"), 422, "invalid")
    assert problem["errors"] == [{"pointer": "", "code": "missing", "detail": "缺少 JSON 请求体"}]


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "nonsense", ""])
async def test_other_content_types(client: AsyncClient, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post("/auth:sign-in", content=b'{"email": "a"}', headers=headers)
    problem = assert_problem(answer, 415, "unsupported_media_type")
    assert "Content-Type: application/json" in problem["detail"]


@pytest.mark.parametrize("name", ["\ud800", "a\x00b", "\x1b[31m"])
async def test_texts_that_postgresql_cannot_store(people: People, name: str) -> None:
    staff = await people.coordinator()
    raw = json.dumps({"name": name})
    headers = {"Content-Type": "application/json"}
    answer = await staff.post("/experts", content=raw, headers=headers)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/name"


async def test_numbers_beyond_json(people: People) -> None:
    staff = await people.coordinator()
    headers = {"Content-Type": "application/json"}
    for number in ("NaN", "Infinity", "1e999", "9" * 400, "-1"):
        raw = f'{{"name": "某人", "elected_year": {number}}}'
        answer = await staff.post("/experts", content=raw, headers=headers)
        assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/elected_year"


async def test_unknown_paths(client: AsyncClient, people: People) -> None:
    assert_problem(await client.get("/nowhere"), 404, "not_found")
    assert_problem(await client.get("http://test/nowhere"), 404, "not_found")
    assert_problem(await client.get("/experts/"), 404, "not_found")  # and no redirect
    staff = await people.coordinator()
    assert_problem(await staff.get("/experts/no-uuid"), 404, "not_found")
    unknown = "/experts/00000000-0000-7000-8000-000000000000"
    assert_problem(await staff.get(unknown), 404, "not_found")
    assert_problem(await staff.post(f"{unknown}:enchant"), 404, "not_found")


async def test_wrong_methods_name_all_the_right_ones(client: AsyncClient) -> None:
    answer = await client.delete("/experts/00000000-0000-7000-8000-000000000000")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    answer = await client.put("/accounts")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@asynccontextmanager
async def _client_of(app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


def _without_database(settings: Settings) -> FastAPI:
    """A service whose database is away, so that no refusal can be recorded either."""
    app = create_app(settings)
    engine = create_engine("postgresql+psycopg://somebody@127.0.0.1:1/nothing", settings)
    app.state.sessions = create_sessions(engine)
    matcher = create_matcher(settings, app.state.sessions)
    app.state.condition = Condition(url=engine.url, matcher=matcher)
    return app


JSON, UPLOAD = "application/json", "multipart/form-data; boundary=x"
HEAD = b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\n'


@pytest.mark.parametrize(
    ("content_type", "path", "limit"),
    [
        (JSON, "/experts", 2_000),
        ("application/merge-patch+json", "/experts", 2_000),
        ("nonsense", "/experts", 2_000),
        (UPLOAD, "/experts", 2_000),
        (JSON, "/experts:batch", 3_000),
        (UPLOAD, "/experts:batch", 3_000),
        (UPLOAD, "/imports", 4_000),
    ],
)
async def test_large_bodies(settings: Settings, content_type: str, path: str, limit: int) -> None:
    """Refused by what they announce, and as their bytes come; one byte less is read."""
    limits = {"max_json_bytes": 2_000, "max_batch_bytes": 3_000, "max_body_bytes": 4_000}
    app = _without_database(settings.model_copy(update=limits))
    headers = {"Content-Type": content_type, "Accept-Language": "en"}

    body = HEAD.ljust(limit + 1)

    async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    async with _client_of(app) as client:
        for content in (body, in_pieces(body)):
            answer = await client.post(path, content=content, headers=headers)
            problem = assert_problem(answer, 413, "payload_too_large")
            assert problem["detail"] == f"At most {limit} bytes"
        for content in (body[:-1], in_pieces(body[:-1])):
            answer = await client.post(path, content=content, headers=headers)
            assert answer.status_code != 413


LONG = json.dumps({"name": "x" * 64 * 1024}).encode()


async def test_strangers_send_little(app: FastAPI, client: AsyncClient, people: People) -> None:
    """Whether they announce it or not; whoever has a credential goes on, however it is new here."""

    async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 5_000):
            yield body[start : start + 5_000]

    account = await people.account(Role.EXPERT)
    signed_in = await people.client(account)
    made = await new_key(signed_in)
    key, key_id = made["key"], made["id"]
    file = HEAD.ljust(len(LONG))
    for path in ("/auth:sign-in", "/experts", "/experts:batch", "/imports"):
        kind, body = (UPLOAD, file) if path == "/imports" else (JSON, LONG)
        for content in (body, in_pieces(body)):
            answer = await client.post(path, content=content, headers={"Content-Type": kind})
            problem = assert_problem(answer, 413, "payload_too_large")
            assert problem["detail"] == "不得超过 65536 字节"

    async def status(secret: str) -> int:
        headers = {"Content-Type": JSON, "Authorization": f"Bearer {secret}"}
        return (await client.post("/experts", content=in_pieces(LONG), headers=headers)).status_code

    assert await status(key) == 422, "the name is too long"
    assert await status(app.state.access_tokens.write(account.id)) == 422
    assert await status("sk_made-up") == await status("made.up.token") == 401
    revoked = await signed_in.delete(f"/api-keys/{key_id}")
    assert revoked.is_success, revoked.text
    assert await status(key) == 401


@pytest.mark.parametrize(
    ("path", "most"), [("/experts", 2_000 // 40), ("/experts:batch", 4_000 // 40)]
)
async def test_dense_bodies(settings: Settings, path: str, most: int) -> None:
    """Refused for their values, of whatever kind; with one part less they are read."""
    limits = {"max_json_bytes": 2_000, "max_batch_bytes": 4_000}
    app = _without_database(settings.model_copy(update=limits))
    headers = {"Content-Type": JSON, "Accept-Language": "en"}
    async with _client_of(app) as client:
        for begin, part, end in ((b"[", b"0,", b"0]"), (b"", b"[", b""), (b"", b'{"":', b"")):
            body = begin + part * (most - len(begin))
            answer = await client.post(path, content=body + b"[" + end, headers=headers)
            problem = assert_problem(answer, 413, "payload_too_large")
            assert problem["detail"] == f"At most {most} commas and opening brackets"
            answer = await client.post(path, content=body + end, headers=headers)
            assert answer.status_code != 413


async def test_files_may_be_dense(settings: Settings) -> None:
    app = _without_database(settings.model_copy(update={"max_body_bytes": 4_000}))
    async with _client_of(app) as client:
        content = HEAD + b"," * 3_000
        answer = await client.post("/imports", content=content, headers={"Content-Type": UPLOAD})
        assert answer.status_code != 413


async def test_database_away(settings: Settings) -> None:
    async with _client_of(_without_database(settings)) as client:
        for answer in (
            await client.post("/auth:sign-in", json=SIGN_IN),
            await client.get("http://test/readyz"),
        ):
            problem = assert_problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert "127.0.0.1" not in answer.text
            assert problem["detail"] is None
        assert (await client.get("http://test/livez")).status_code == 200


async def test_what_stays_locked_is_told_of(
    settings: Settings,
    service_database: URL,
    people: People,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As by the account's own batch; who waits without end keeps a connection from the others."""
    monkeypatch.setattr(main, "LOCK_SECONDS", 1)
    account = await people.account(Role.EXPERT)
    app = create_app(settings)
    async with services(app, service_database), People(app, session) as impatient:
        client = await impatient.client(account)
        await session.execute(select(Account).where(Account.id == account.id).with_for_update())
        async with asyncio.timeout(20):
            answer = await client.patch("/me", json={"display_name": "另名"})
        assert_problem(answer, 503, "busy")
        assert answer.headers["retry-after"] == "5"
        await session.rollback()
        assert (await client.patch("/me", json={"display_name": "另名"})).status_code == 200


async def test_service_goes_on_when_its_connections_were_cut(
    people: People, server: EmbeddedServer, database: URL
) -> None:
    staff = await people.coordinator()
    assert (await staff.get("/experts")).status_code == 200
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        # Waits for their end: a backend that has yet to notice would still take the next query.
        cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        assert connection.execute(cut, [database.database]).rowcount > 0
    assert (await staff.get("/experts")).status_code == 200


async def test_fault_tells_nothing_and_keeps_its_id(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": ("https://pool.test",)}))

    @app.get("/fault")
    async def fail() -> None:
        raise RuntimeError("the secret of the house")

    headers = {"X-Request-ID": "trace-0001", "Origin": "https://pool.test"}
    async with _client_of(app) as client:
        with caplog.at_level(logging.ERROR):
            answer = await client.get("http://test/fault", headers=headers)
    assert assert_problem(answer, 500, "internal_error")["request_id"] == "trace-0001"
    assert "secret" not in answer.text
    assert answer.headers["access-control-allow-origin"] == "https://pool.test"
    assert "the secret of the house" in caplog.text


async def test_a_full_disk_has_a_name(app: FastAPI, settings: Settings) -> None:
    """PostgreSQL's, the one that uploads are spooled to, and the service's own."""
    probe = create_app(settings)
    probe.state.sessions = app.state.sessions

    @probe.get("/database")
    async def database(session: SessionDep) -> None:
        await session.execute(text("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$"))

    @probe.get("/own")
    async def own() -> None:
        raise OSError(errno.ENOSPC, "no room")

    @probe.get("/other")
    async def other() -> None:
        raise OSError(errno.EIO, "broken")

    full = HTTPException(400)
    full.__cause__ = OSError(errno.EDQUOT, "no room")
    assert from_http(full).code == "storage_full"
    assert from_http(HTTPException(400)).code == "malformed_request"
    async with _client_of(probe) as client:
        for path in ("database", "own"):
            answer = await client.get(f"http://test/{path}")
            assert_problem(answer, 503, "storage_full")
            assert int(answer.headers["retry-after"]) > 0
        assert_problem(await client.get("http://test/other"), 500, "internal_error")


async def test_broken_constraint_is_a_conflict(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    staff = await people.coordinator()
    body = {"name": "某人", "region_code": "330782", "orcid": "0000-0002-1825-0097"}
    assert (await staff.post("/experts", json=body)).status_code == 201
    answer = await staff.post("/experts", json=body)
    assert_problem(answer, 409, "conflict")
    assert "INSERT" not in answer.text
    assert "experts_orcid" in caplog.text
    assert "experts" not in answer.text
    assert "0000-0002-1825-0097" not in answer.text


@pytest.mark.parametrize(
    "given", ["short", "no spaces here", "x" * 65, "a\tb-c-d-e-f", "请求一二三四五六"]
)
async def test_ill_formed_request_ids_are_replaced(client: AsyncClient, given: str) -> None:
    answer = await client.get("/me", headers={b"X-Request-ID": given.encode()})
    made = answer.headers["x-request-id"]
    assert made != given
    assert made.isalnum()


async def test_every_request_has_its_own_id(client: AsyncClient) -> None:
    ids = {(await client.get("/me")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


async def test_cross_origin_requests(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": ("https://pool.test",)}))
    preflight = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    async with _client_of(app) as client:
        allowed = await client.options("/me", headers=preflight | {"Origin": "https://pool.test"})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://pool.test"
        assert "PATCH" in allowed.headers["access-control-allow-methods"]
        assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
        other = await client.options("/me", headers=preflight | {"Origin": "https://evil.test"})
        assert "access-control-allow-origin" not in other.headers
        read = await client.get("/me", headers={"Origin": "https://evil.test"})
        assert "access-control-allow-origin" not in read.headers
        failed = await client.get("/me", headers={"Origin": "https://pool.test"})
        assert failed.headers["access-control-allow-origin"] == "https://pool.test"
        assert "x-request-id" in failed.headers["access-control-expose-headers"].lower()
