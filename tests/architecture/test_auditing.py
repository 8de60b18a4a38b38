"""No route escapes the audit log, and nothing that changes does."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.interface.models import AuditEntry
from app.interface.routing import ConventionalRoute
from tests.app.demands import forms as demands
from tests.app.experts import profiles as experts
from tests.architecture.test_access import PUBLIC, UNKNOWN
from tests.people import People

PROJECT = Path(__file__).resolve().parents[2]
API = "/api/v1"

# Whose answers hold contact or personal data, the ways into an account, what was refused of a
# file, or the log itself.
SENSITIVE = frozenset(
    {
        "GET /accounts",
        "GET /accounts/{account_id}",
        "GET /api-keys",
        "GET /audit-entries",
        "GET /audit-entries/{entry_id}",
        "GET /audit-log",
        "GET /audit-seals",
        "GET /demands",
        "GET /demands/{demand_id}",
        "GET /demands/{demand_id}/contact-readings",
        "GET /demands/{demand_id}/recommendations",
        "GET /attachments/{attachment_id}/content",
        "GET /dockings/{docking_id}/contacts",
        "GET /dockings/{docking_id}/demand",
        "GET /dockings/{docking_id}/readings",
        "GET /experts/{expert_id}/contact",
        "GET /experts/{expert_id}/contact-readings",
        "GET /experts/{expert_id}/personal-data",
        "GET /imports/{import_id}",
        "GET /imports/{import_id}/rejected-rows",
        "GET /me/identities",
        "GET /me/personal-data",
        "GET /me/second-factor",
        "GET /memberships",
        "GET /memberships/{membership_id}",
        "GET /organizations",
        "GET /organizations/{organization_id}",
        "GET /organizations/{organization_id}/contact-readings",
        "GET /queue",
    }
)


def routes_of(app: FastAPI) -> dict[str, ConventionalRoute]:
    """Every route of the interface by its action."""
    return {
        f"{method} {route.path_format}": route
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, ConventionalRoute)
        for method in route.methods or ()
    }


def audited(app: FastAPI) -> list[str]:
    """What leaves an entry whenever it is done or refused."""
    return [a for a, route in routes_of(app).items() if is_audited(a, route)]


def is_audited(action: str, route: ConventionalRoute) -> bool:
    return not action.startswith("GET ") or route.shows is not None


def test_all_of_the_interface_has_the_conventions(application: FastAPI) -> None:
    for context in iter_route_contexts(application.routes):
        if (context.path_format or "").startswith(API):
            assert isinstance(context.original_route, ConventionalRoute), context.path_format


def test_sensitive_reads_are_marked(application: FastAPI) -> None:
    routes = routes_of(application)
    marked = {a for a in audited(application) if a.startswith("GET ")}
    assert marked == SENSITIVE, "mark the endpoint with @sensitive, and list it here"
    assert marked <= set(routes)


def test_answers_with_contacts_are_marked(application: FastAPI) -> None:
    """Whatever body has a field for a telephone or an e-mail of other people."""
    contact = re.compile(r"(^|_)(phone|email)$")
    for action, route in routes_of(application).items():
        if route.response_field is None or not action.startswith("GET ") or action == "GET /me":
            continue
        schema = route.response_field.field_info.annotation
        fields = set(_fields(schema))
        if any(contact.search(name) for name in fields):
            assert route.shows is not None, f"{action} shows {fields}"


def _fields(annotation: object, seen: frozenset[object] = frozenset()) -> list[str]:
    """The names of all fields of a response type, nested ones too."""
    if annotation in seen:
        return []
    names = []
    for part in getattr(annotation, "__args__", ()):
        names += _fields(part, seen)
    for name, field in getattr(annotation, "model_fields", {}).items():
        names += [name, *_fields(field.annotation, seen | {annotation})]
    return names


async def call(client: AsyncClient, action: str) -> tuple[str, int]:
    """The id and status of a request with a body that nobody accepts, on an unknown record."""
    method, path = action.split(" ", 1)
    path = re.sub(r"\{\w+\}", UNKNOWN, re.sub(r"\{job_id\}", "1", path))
    body: dict[str, str] | None = {} if method in ("POST", "PATCH", "PUT") else None
    answer = await client.request(method, path, json=body)
    return answer.headers["x-request-id"], answer.status_code


async def test_every_refusal_is_recorded(
    app: FastAPI, people: People, client: AsyncClient, session: AsyncSession
) -> None:
    """Strangers' and everybody's, by the status that was answered."""
    clients = [client, *[await people.client(await people.account(role)) for role in Role]]
    asked = {}
    for action in audited(app):
        for caller in clients:
            request_id, status = await call(caller, action)
            asked[request_id] = (action, status)
    entries = (await session.scalars(select(AuditEntry))).all()
    told = {str(entry.request_id): (entry.action, entry.status) for entry in entries}
    shown_nothing = {
        request_id
        for request_id, (action, status) in asked.items()
        if status < 400 and routes_of(app)[action].shows
    }
    missing = {asked[i] for i in asked.keys() - told.keys() - shown_nothing}
    assert not missing
    assert all(told[i] == asked[i] for i in told)
    assert len(entries) == len(told), "one entry a request"
    strangers = {asked[i][0] for i in told if told[i][1] == 401}
    signed_in_only = {a for a in audited(app) if a.replace(" ", f" {API}", 1) not in PUBLIC}
    assert strangers >= signed_in_only


def test_whoever_writes_changes_tells_the_audit_log() -> None:
    """`append` does; what writes straight into the table must say so itself."""
    for path in (PROJECT / "app").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if re.search(r"insert\(Change\)|Change\.__table__|INTO changes|COPY changes", source):
            assert "auditing.touch(" in source, path


SECRET = "机密"


def secretive(value: Any) -> Any:
    """The same document with every text, and a field nobody knows, telling a secret."""
    if isinstance(value, dict):
        return {k: secretive(v) for k, v in value.items()} | {SECRET + "名": SECRET}
    if isinstance(value, list):
        return [secretive(v) for v in value]
    return SECRET + value if isinstance(value, str) else value


def variants(example: Any) -> Iterator[Any]:
    """As it should be, with one text after the other a secret, and nothing but secrets."""
    yield example
    if isinstance(example, dict):
        for name, value in example.items():
            if isinstance(value, str):
                yield example | {name: SECRET + value}
    yield secretive(example)


def bodies(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    """Method, path and body of requests to all routes that take JSON."""
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            for body in variants(content.get("application/json", {}).get("example")):
                if body is not None:
                    yield method, path.removeprefix(API), body


async def test_no_value_is_in_the_log(app: FastAPI, people: People, session: AsyncSession) -> None:
    """Neither of what is sent, done or refused, nor of the records that are read."""
    organization = await people.organization(SECRET + "公司")
    organization.contact_name = organization.contact_phone = SECRET
    expert = await experts.store(session, name=SECRET, title=SECRET, introduction=SECRET)
    demand = await demands.store(session, organization, title=SECRET, contact_phone=SECRET)
    clients = [await people.enterprise(organization), await people.administrator()]
    ids = {"expert_id": expert.id, "demand_id": demand.id, "organization_id": organization.id}
    counts = Counter[bool]()
    for client in clients:
        for method, path, body in bodies(app):
            named = re.sub(r"\{(\w+)\}", lambda found: str(ids.get(found[1], UNKNOWN)), path)
            answer = await client.request(method, named, json=body, params={SECRET: SECRET})
            counts[answer.status_code < 400] += 1
        for action in SENSITIVE:
            named = action.removeprefix("GET ").format_map(defaultdict(lambda: UNKNOWN, ids))
            answer = await client.get(named, headers={"User-Agent": "x", "Accept": "*/*"})
            counts[answer.status_code < 400] += 1
    assert counts[True] > 30
    assert counts[False] > 100
    await app.state.refusal_log.drain()  # on a busy machine some answers leave before their entry
    rows = await session.scalars(text("SELECT audit_entries::text FROM audit_entries"))
    entries = list(rows)
    assert len(entries) >= counts.total() - 10, "but for lists that show nothing"
    assert not [entry for entry in entries if SECRET in entry]
