"""The OWASP API Security Top 10 (2023), tried on every route that they could concern.

Attacks on single routes stand with their domains. Which record answers whom (API1) is decided
for all of them by `tests/app/row_security`, which roles come in (API5) by `test_access`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.accounts.secrets import hash_password
from app.experts.models import Evidence, EvidenceKind
from app.interface.body_limit import FILES, UPLOAD
from app.settings import Settings
from tests.app.experts.profiles import store
from tests.architecture.test_access import UNKNOWN, call, protected, served
from tests.people import People, new_key

Schema = dict[str, Any]

# What a record has and nobody writes; what a route's own body names is left out.
UNWRITABLE: Schema = {
    "id": UNKNOWN,
    "state": "published",
    "role": "administrator",
    "version": 99,
    "account_id": UNKNOWN,
    "created_at": "2020-01-01T00:00:00Z",
    "password_hash": "x",
    "tokens_valid_from": "2020-01-01T00:00:00Z",
    "handed_to_region_code": "000000",
    "is_matching_refused": False,
    "allowed_actions": ["publish"],
    "search": "x",
}
SECRET = re.compile(r"password|hash|secret|token|_sealed|fingerprint|content$")
# (schema, property): what is shown to its owner, once.
SHOWN = {
    ("AccountBody", "has_password"),  # whether there is one
    ("Enrolment", "secret"),
    ("AuditEntryBody", "email_hash"),  # keyed, and read by administrators alone
    ("NewWebhook", "secret"),
    ("NewWebhook", "previous_secret_ends_at"),  # when, not which
    ("WebhookBody", "previous_secret_ends_at"),
    ("SealBody", "hash"),
    ("SealBody", "previous_hash"),
    ("Tokens", "access_token"),
    ("Tokens", "refresh_token"),
    ("Tokens", "token_type"),
}
DEPTH = 50_000


@pytest.fixture(scope="module")
def document(application: FastAPI) -> Schema:
    return application.openapi()


def writes(document: Schema) -> Iterator[tuple[str, str, Schema, Schema]]:
    """Method, path, properties and example of every route that takes a JSON body."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if found := content.get("application/json"):
                body = found["schema"].get("anyOf", [found["schema"]])[0]  # or null
                name = body.get("$ref", "").rpartition("/")[2]
                properties = document["components"]["schemas"].get(name, {}).get("properties", {})
                where = re.sub(r"\{\w+\}", UNKNOWN, path.removeprefix("/api/v1"))
                yield method.upper(), where, properties, found.get("example") or {}


async def test_a_token_counts_in_its_header_alone(app: FastAPI, people: People) -> None:
    """API2: addresses are logged and bookmarked, and a cookie comes with a stranger's page."""
    client = await people.administrator()
    token = client.headers.pop("Authorization").removeprefix("Bearer ")
    client.cookies = {"access_token": token, "Authorization": f"Bearer {token}"}
    client.params = {"access_token": token, "token": token}
    for route in protected(app):
        assert await call(client, route) == 401, route


async def test_nobody_assigns_what_is_not_theirs_to_say(document: Schema, people: People) -> None:
    """API3: a field that a body does not name is refused, whoever sends it."""
    client, count = await people.administrator(), 0
    for method, path, properties, example in writes(document):
        for name in UNWRITABLE.keys() - properties.keys():
            answer = await client.request(method, path, json=example | {name: UNWRITABLE[name]})
            assert answer.status_code == 422, (method, path, name, answer.text)
            faults = {(e["pointer"], e["code"]) for e in answer.json()["errors"]}
            assert (f"/{name}", "extra_forbidden") in faults, (method, path, name)
            count += 1
    assert count > 300


def test_no_answer_has_a_place_for_secrets(document: Schema) -> None:
    """API3: what is not in the schema of an answer cannot leave in it."""
    found = set()
    for name, schema in document["components"]["schemas"].items():
        if name in answered(document):
            found |= {(name, p) for p in schema.get("properties", {}) if SECRET.search(p)}
    assert found == SHOWN


def answered(document: Schema) -> set[str]:
    """The schemas of all answers, with what they hold."""
    schemas, reached = document["components"]["schemas"], set[str]()
    answers = [o["responses"] for methods in document["paths"].values() for o in methods.values()]
    waiting = names_in(answers)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= names_in(schemas[name])
    return reached


def names_in(schema: Any) -> set[str]:
    return set(re.findall(r"#/components/schemas/([\w-]+)", str(schema)))


async def test_no_body_is_too_much(app: FastAPI, people: People, settings: Settings) -> None:
    """API4: neither by its size nor by its depth, and neither is read to its end."""
    client = await people.administrator()
    nested = b'{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}"
    for route in protected(app):
        method, path = route.split(" ", 1)
        if method == "GET":
            continue
        path = re.sub(r"\{\w+\}", UNKNOWN, path)
        headers = {"Content-Type": "application/json"}
        is_batch = route.endswith(":batch")
        limit = settings.max_batch_bytes if is_batch else settings.max_json_bytes
        too_long = headers | {"Content-Length": str(limit + 1)}
        answer = await client.request(method, path, content=b"{", headers=too_long)
        assert answer.status_code == 413, route
        if method in ("POST", "PUT", "PATCH"):
            answer = await client.request(method, path, content=nested, headers=headers)
            assert answer.status_code < 500, (route, answer.text)


def test_files_come_only_where_long_bodies_may(document: Schema) -> None:
    """API4: see `app.interface.body_limit`."""
    takers = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if UPLOAD in operation.get("requestBody", {}).get("content", {})
    }
    assert all(taker.startswith("POST /api/v1/") and taker.endswith(FILES) for taker in takers)
    assert len(takers) == len(FILES)


async def test_no_page_is_too_long(document: Schema, people: People) -> None:
    """API4: of every list, whoever asks."""
    client, count = await people.administrator(), 0
    for path, methods in document["paths"].items():
        named = {p.get("name") or p["$ref"] for p in methods.get("get", {}).get("parameters", [])}
        if any("limit" in name for name in named):
            where = re.sub(r"\{\w+\}", UNKNOWN, path.removeprefix("/api/v1"))
            for limit in ("1000000", "-1", "0", "1e9"):
                answer = await client.get(where, params={"limit": limit})
                assert answer.status_code in (404, 422), (path, limit)
            count += 1
    assert count > 15


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_method_is_what_it_says(people: People, session: AsyncSession, header: str) -> None:
    """API5: a read-only key does not write by another name."""
    expert = await store(session)
    await session.commit()
    owner = await people.administrator()
    key = await new_key(owner, is_read_only=True)
    owner.headers["Authorization"] = f"Bearer {key['key']}"
    path, suspend = f"/experts/{expert.id}", {header: "POST"}
    answer = await owner.get(f"{path}:suspend", params={"_method": "POST"}, headers=suspend)
    assert answer.status_code == 405
    assert (await owner.get(path)).json()["state"] == "in_pool"


async def test_a_part_is_reached_through_its_whole_alone(
    people: People, session: AsyncSession
) -> None:
    """API1: one's own profile in the path opens nobody else's evidence."""
    account = await people.account(Role.EXPERT)
    own = await store(session, account_id=account.id)
    other = await store(session)
    evidence = Evidence(expert_id=other.id, kind=EvidenceKind.PATENT, title="别人的专利")
    session.add(evidence)
    await session.commit()
    thief = await people.client(account)
    path = f"/experts/{own.id}/evidence/{evidence.id}"
    assert (await thief.patch(path, json={"title": "我的专利"})).status_code == 404
    assert (await thief.delete(path)).status_code == 404
    await session.refresh(evidence)
    assert (evidence.title, evidence.expert_id) == ("别人的专利", other.id)


@pytest.fixture
async def listener() -> AsyncIterator[tuple[str, list[str]]]:
    """An address inside the network, and who has come there."""
    visits = list[str]()

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append("came")
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", visits


async def test_the_service_fetches_nothing_it_is_told_to(
    document: Schema, people: People, session: AsyncSession, listener: tuple[str, list[str]]
) -> None:
    """API7: an address in any text of any body stays a text."""
    account = await people.account(Role.ADMINISTRATOR)
    account.password_hash = await hash_password("a password of the tests")
    await session.commit()
    client, (address, visits), count = await people.client(account), listener, 0
    for method, path, properties, example in writes(document):
        for name in properties:
            for value in (address, [address]):
                answer = await client.request(method, path, json=example | {name: value})
                assert answer.status_code < 500, (method, path, name)
                count += 1
    assert count > 400
    await asyncio.sleep(0.1)
    assert visits == []


async def test_no_name_of_a_host_comes_back(app: FastAPI, people: People) -> None:
    """API8: whoever chooses the Host header chooses no address in an answer."""
    client = await people.administrator()
    for name in ("Host", "X-Forwarded-Host", "Forwarded"):
        client.headers[name] = "evil.invalid"
        for route in ("/me", "/experts", "/demands", "/accounts", f"/experts/{UNKNOWN}"):
            answer = await client.get(route)
            assert "evil.invalid" not in f"{answer.headers}{answer.text}", (name, route)
        del client.headers[name]


async def test_no_other_site_reads_answers_unless_configured(
    app: FastAPI, people: People, client: AsyncClient
) -> None:
    """API8: neither with nor without asking before."""
    signed_in = await people.administrator()
    for origin in ("https://evil.invalid", "null", "http://localhost"):
        answer = await signed_in.get("/me", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        asking = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        asked = await client.request("OPTIONS", "/api/v1/experts", headers=asking)
        assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "DEBUG", "PROPFIND"])
async def test_no_method_but_those_of_the_document(people: People, method: str) -> None:
    """API8."""
    client = await people.administrator()
    assert (await client.request(method, "/experts")).status_code in (405, 501)


def test_no_route_is_served_that_is_not_told_of(application: FastAPI, document: Schema) -> None:
    """API9: what nobody knows of, nobody watches."""
    told = {f"{m.upper()} {path}" for path, ms in document["paths"].items() for m in ms}
    hidden = set(served(application)) - told
    assert hidden == {
        "GET /",
        "GET /metrics",
        "GET /docs",
        "GET /docs/oauth2-redirect",
        "GET /openapi.json",
    }
