"""Every refusal answers as problem+json, in the caller's language, and names what it is about."""

import json

import pytest
from httpx import AsyncClient

from app.main import create_app
from app.settings import Settings
from tests.app.interface.problems import assert_problem, client_of
from tests.people import People


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
    async with client_of(app) as client:
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
