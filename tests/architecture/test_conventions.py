"""Every route of the document has what the interface's conventions ask of its kind."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from httpx import AsyncClient, Response
from sqlalchemy import Table, UniqueConstraint

import app
from app.interface.errors import PROBLEM_RESPONSES
from tests.app.interface.test_idempotency import UNKEPT
from tests.architecture.test_access import UNKNOWN, protected
from tests.people import People

Schema = dict[str, Any]

PREFIX = "/api/v1"
SHARED_PROBLEMS = frozenset(map(str, PROBLEM_RESPONSES))
LIMIT_FIELDS = frozenset({"RateLimit-Policy", "RateLimit"})

# Lists that are no pages, and what bounds them. A page needs a stored order to go on in; these
# have none, or fit into one answer for good.
BOUNDED_LISTS = {
    "/regions": "a published table of codes, `limit` up to the whole of it",
    "/industries": "a published table of codes, `limit` up to the whole of it",
    "/disciplines": "a published table of codes, `limit` up to the whole of it",
    "/technology-fields": "a published table of codes, some tens",
    "/countries": "a published table of codes, 249",
    "/experts/{expert_id}/matching-demands": "ranked at the moment: the best `limit`",
    "/demands/{demand_id}/similar-demands": "ranked at the moment: the best `limit`",
    "/demands/{demand_id}/matching-achievements": "ranked at the moment: the best `limit`",
    "/auth/providers": "those of the settings",
    "/consent-purposes": "one for each purpose, of which there are two",
    "/import-columns": "those of one form",
    "/match-indexes": "one for each pool, of which there are three",
    "/jobs": "the job queue's own numbers, not ids of ours: `before_id` goes on from one",
    "/queue": "one stored order alone, oldest first: `cursor` goes on, `counts` are of all",
}
# Answers to a GET that show no single stored record.
NO_RECORDS = {
    "/attachments/{attachment_id}/content": "a file as it came",
    "/campaigns/{campaign_id}/counts": "sums, of as many codes as the demands have",
    "/confidentiality-terms": "one text",
    "/dockings/{docking_id}/contacts": "how two sides reach each other",
    "/dockings/{docking_id}/demand": "what one other record says",
    "/match-runs/{run_id}/difference": "two runs compared, at most 100 experts of each",
    "/demands/{demand_id}/standing-match": "when a run was checked last",
    "/import-templates": "a file of headings",
    "/imports/{import_id}/rejected-rows": "a file, made anew from the report",
    "/operations/{operation_id}/events": "a stream that ends with the operation",
    "/notices/stream": "a stream of what comes",
    "/me/second-factor": "whether there is one, never the factor itself",
    "/me/personal-data": "a stream of everything on one person",
    "/experts/{expert_id}/personal-data": "everything on one person, likewise",
    "/audit-entries/{entry_id}": "an entry and its changes, of which the first 200 are shown",
    "/audit-log": "a stream of all that meets the filters",
}
# What bounds a text besides its length; a file is bounded as the whole body is.
BOUNDING = frozenset({"format", "enum", "const", "contentMediaType"})
# A choice of an import, a batch or a match, named by what it does.
CHOICES = frozenset({"admit", "overwrite", "atomic", "dry_run"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path, the prefix left out."""

    path: str
    method: str
    schema: Schema

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def parameters(self, document: Schema) -> dict[str, Schema]:
        found = [self._resolved(p, document) for p in self.schema.get("parameters", [])]
        return {parameter["name"]: parameter for parameter in found}

    def answers(self, document: Schema) -> dict[str, Schema]:
        """By status, those that many share included."""
        found = self.schema["responses"].items()
        return {status: self._resolved(answer, document) for status, answer in found}

    @staticmethod
    def _resolved(part: Schema, document: Schema) -> Schema:
        if "$ref" not in part:
            return part
        _, _, kind, name = part["$ref"].split("/")
        return dict(document["components"][kind][name])

    @property
    def answer(self) -> Schema:
        """The good answer; where something may only be tried, the one to doing it."""
        good = {c: r for c, r in self.schema["responses"].items() if c.startswith("2")}
        if self.is_triable:
            del good["200"]
        [found] = good.values()
        return dict(found)

    @property
    def is_triable(self) -> bool:
        return {"200", "201"} <= set(self.schema["responses"])

    @property
    def shown(self) -> Schema:
        """The schema of the good answer's JSON, empty where there is none."""
        content = self.answer.get("content", {})
        return dict(content.get("application/json", {}).get("schema", {}))

    @property
    def shown_name(self) -> str:
        return str(self.shown.get("$ref", "")).rpartition("/")[2]


@pytest.fixture(scope="module")
def document(application: FastAPI) -> Schema:
    return application.openapi()


def operations(document: Schema, *methods: str) -> Iterator[Operation]:
    for path, found in document["paths"].items():
        for method, schema in found.items():
            if path.startswith(PREFIX) and (not methods or method in methods):
                yield Operation(path=path.removeprefix(PREFIX), method=method, schema=schema)


def is_record(document: Schema, operation: Operation) -> bool:
    body = document["components"]["schemas"].get(operation.shown_name, {})
    return "version" in body.get("properties", {})


def is_page(operation: Operation) -> bool:
    return operation.shown_name.endswith("Page")


def test_lists_are_pages_or_say_what_bounds_them(document: Schema) -> None:
    bounded = set()
    for operation in operations(document, "get"):
        if is_page(operation):
            parameters = operation.parameters(document)
            assert {"limit", "cursor", "count", "sort"} <= set(parameters), operation
            assert parameters["limit"]["schema"]["maximum"] <= 200, operation
            # Only an allow list keeps a sort within what has an index, see the next test.
            assert parameters["sort"]["schema"].get("enum"), operation
        elif not is_record(document, operation):
            bounded.add(operation.path)
    assert bounded == set(BOUNDED_LISTS) | set(NO_RECORDS)


def test_every_sort_that_a_domain_allows_has_an_index() -> None:
    """Or each page would sort the whole table. What lists one record's own is small."""
    count = 0
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith(".operations"):
            continue
        for column in getattr(importlib.import_module(module.name), "SORTS", {}).values():
            assert column.key in indexed(column.class_.__table__), column
            count += 1
    assert count > 10


def indexed(table: Table) -> set[str]:
    """The columns with which an index of the whole table begins."""
    whole = [i for i in table.indexes if i.dialect_options["postgresql"]["where"] is None]
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    groups = [*(i.columns for i in whole), *(u.columns for u in unique), table.primary_key.columns]
    return {next(iter(columns)).key for columns in groups}


def test_limits_of_bounded_lists_have_a_maximum(document: Schema) -> None:
    for operation in operations(document, "get"):
        limit = operation.parameters(document).get("limit")
        if limit is not None:
            assert limit["schema"]["maximum"] <= 5000, operation


def test_records_have_entity_tags(document: Schema) -> None:
    count = 0
    for operation in operations(document):
        has_tag = "ETag" in operation.answer["headers"]
        assert has_tag == is_record(document, operation), operation
        if has_tag and operation.method == "get":
            assert "If-None-Match" in operation.parameters(document), operation
            assert "ETag" in operation.schema["responses"]["304"]["headers"], operation
            count += 1
    assert count > 8


def test_what_is_only_tried_is_no_new_record(document: Schema) -> None:
    triable = [operation for operation in operations(document) if operation.is_triable]
    assert set(map(str, triable)) == {
        "POST /demands/{demand_id}:match",
        "POST /invitation-batches",
    }
    for operation in triable:
        tried = operation.schema["responses"]["200"]
        assert "ETag" not in tried["headers"], operation
        assert tried["content"]["application/json"]["example"]["is_dry_run"] is True, operation
        assert tried["content"]["application/json"]["schema"] == operation.shown, operation


def test_changes_name_the_version_they_were_made_from(document: Schema) -> None:
    for operation in operations(document, "put", "patch", "delete"):
        parameter = operation.parameters(document).get("If-Match")
        assert parameter is not None, operation
        assert parameter["required"] is True, operation


def test_a_post_that_comes_twice_is_done_once(document: Schema) -> None:
    unkept = set()
    for operation in operations(document, "post"):
        if "Idempotency-Key" not in operation.parameters(document):
            unkept.add(operation.path)
    assert unkept == UNKEPT


def test_every_answer_tells_of_problems_and_limits(document: Schema) -> None:
    for operation in operations(document):
        answers = operation.answers(document)
        assert set(answers) >= SHARED_PROBLEMS, operation
        for status, answer in answers.items():
            assert set(answer["headers"]) >= LIMIT_FIELDS, (operation, status)
        for status in ("429", "503"):
            assert "Retry-After" in answers[status]["headers"], operation
        for status in SHARED_PROBLEMS:
            assert list(answers[status]["content"]) == ["application/problem+json"], operation


def test_headers_are_described_once(document: Schema) -> None:
    described = document["components"]["headers"]
    for operation in operations(document):
        for answer in operation.answers(document).values():
            for name, header in answer["headers"].items():
                assert header == {"$ref": f"#/components/headers/{name}"}, operation
                assert described[name]["description"], name


def test_paths_are_plural_kebab_case_and_verbs_are_posts(document: Schema) -> None:
    singular = {
        "me",
        "queue",
        "contact",
        "evidence",
        "personal-data",
        "second-factor",
        "audit-log",
        "content",
        "demand",
        "log",
        "stream",
        *("difference", "standing-match", "match-digest"),
    }  # one's own, one of its kind, uncountable
    for operation in operations(document):
        *_, last = operation.path.split("/")
        _, _, verb = last.partition(":")
        if verb:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", verb), operation
            assert operation.method == "post", operation
        for part in operation.path.strip("/").split("/"):
            word = part.partition(":")[0]
            if word.startswith("{"):
                assert re.fullmatch(r"\{[a-z]+(_[a-z]+)*_id\}", word), operation
            else:
                assert re.fullmatch(r"[a-z]+(-[a-z]+)*", word), operation
                assert word.endswith("s") or word in singular | {"auth"}, operation


def test_record_ids_are_opaque(document: Schema) -> None:
    numbers = {"job_id"}  # the job queue's own
    for operation in operations(document):
        for name, parameter in operation.parameters(document).items():
            if parameter["in"] == "path" and name not in numbers:
                assert parameter["schema"].get("format") == "uuid", (operation, name)


def parts(schema: Schema) -> Iterator[Schema]:
    """A schema and the alternatives in it."""
    yield schema
    for key in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(key, []):
            yield from parts(part)


def fields(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Every field of every body, and every query parameter, with its schema."""
    for owner, body in document["components"]["schemas"].items():
        for name, schema in body.get("properties", {}).items():
            yield owner, name, schema
    for operation in operations(document):
        for name, parameter in operation.parameters(document).items():
            if parameter["in"] == "query":
                yield str(operation), name, parameter["schema"]


def test_no_post_asks_for_a_body_that_requires_nothing(document: Schema) -> None:
    """Where there is nothing to say, nothing need be sent. A change without a field is none."""
    left_out = set()
    for operation in operations(document, "post", "put", "patch"):
        body = operation.schema.get("requestBody", {})
        bodies = [part for m in body.get("content", {}).values() for part in parts(m["schema"])]
        names = [part["$ref"].rpartition("/")[2] for part in bodies if "$ref" in part]
        is_needed = any(document["components"]["schemas"][name].get("required") for name in names)
        if names and not is_needed and operation.method == "post":
            assert not body.get("required"), operation
            left_out.add(operation.path)
        elif names:
            assert body["required"] is True, operation
    assert {"/demands/{demand_id}:match", "/dockings/{docking_id}:invite"} <= left_out


def test_fields_are_snake_case(document: Schema) -> None:
    for owner, name, _ in fields(document):
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name), (owner, name)


def test_times_and_dates_say_so_in_their_names(document: Schema) -> None:
    """`_at` is a moment, `_on` a day, and nothing else is either."""
    compared = r"(_gte|_gt|_lte|_lt)?"
    moment = re.compile(rf".*_at{compared}|waiting_since|timestamp")  # as Standard Webhooks has it
    day = re.compile(rf"(.*_)?on{compared}")
    count = 0
    for owner, name, schema in fields(document):
        formats = {part.get("format") for part in parts(schema)}
        assert bool(moment.fullmatch(name)) == ("date-time" in formats), (owner, name)
        assert bool(day.fullmatch(name)) == ("date" in formats), (owner, name)
        count += len(formats & {"date-time", "date"})
    assert count > 40


def test_flags_read_as_questions(document: Schema) -> None:
    asked = re.compile(r"(is|has|can|awaits)_.*")
    for owner, name, schema in fields(document):
        if "boolean" in {part.get("type") for part in parts(schema)}:
            assert asked.fullmatch(name) or name in CHOICES, (owner, name)


def test_what_callers_send_is_bounded(document: Schema) -> None:
    """No list or text of a request grows without end, and no text holds a NUL: it is stored."""
    requests = {
        part["$ref"].rpartition("/")[2]
        for operation in operations(document)
        for media in operation.schema.get("requestBody", {}).get("content", {}).values()
        for part in parts(media["schema"])
        if "$ref" in part
    }
    assert len(requests) > 20
    for owner, name, schema in fields(document):
        is_amount = "number" in {part.get("type") for part in parts(schema)}
        is_sent = owner in requests or owner.startswith("GET ")
        if not is_sent or is_amount:
            continue  # of an amount, text or number, the digits are bounded
        for part in parts(schema):
            if part.get("type") == "array":
                assert "maxItems" in part, (owner, name)
            if part.get("type") == "string" and not part.keys() & BOUNDING:
                assert "pattern" in part, (owner, name)
                assert not re.search(part["pattern"], "\x00" * 30), (owner, name)


def test_dependencies_are_coroutines(application: FastAPI) -> None:
    """FastAPI hands a plain function to a thread, which costs more than most of them do."""
    found = {call for route in routes(application) for call in calls(route.dependant)}
    assert len(found) > 20
    for call in found:
        asked: Any = call if inspect.isroutine(call) else type(call).__call__
        assert inspect.iscoroutinefunction(asked) or inspect.isasyncgenfunction(asked), call


def routes(application: FastAPI) -> Iterator[APIRoute]:
    for context in iter_route_contexts(application.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """What is called before an endpoint, and before that."""
    for dependency in dependant.dependencies:
        assert dependency.call is not None
        yield dependency.call
        yield from calls(dependency)


async def answer_to(client: AsyncClient, route: str) -> Response:
    """What the route says to a body that nobody accepts, on a record that does not exist."""
    method, path = route.split(" ", 1)
    path = re.sub(r"\{\w+\}", UNKNOWN, path.replace("{job_id}", "1"))
    body: dict[str, str] | None = None if method in ("GET", "DELETE") else {}
    return await client.request(method, path, json=body, headers={"Accept-Language": "en"})


async def test_every_answer_has_the_fields_that_all_share(app: FastAPI, people: People) -> None:
    administrator = await people.administrator()
    good = 0
    for route in protected(app):
        answer = await answer_to(administrator, route)
        found = answer.headers
        shared = {"x-request-id", "ratelimit", "ratelimit-policy", "cache-control"}
        assert shared <= set(found), route
        if answer.is_success:
            good += 1
            is_stream = found.get("content-type", "").startswith("text/event-stream")
            expected = "private, no-cache" if "etag" in found else "no-store"
            expected = "no-cache" if is_stream else expected
            assert found["cache-control"] == expected, route
            varies = "Accept-Language" in found.get("vary", "")
            assert ("etag" in found) == varies, route
        else:
            assert found["content-type"] == "application/problem+json", route
            assert (found["cache-control"], found["content-language"]) == ("no-store", "en"), route
            assert "Accept-Language" in found["vary"], route
            assert answer.json()["request_id"] == found["x-request-id"], route
    assert good > 12


async def test_what_is_asked_about_the_service_is_not_stored(client: AsyncClient) -> None:
    for path in ("/livez", "/readyz", "/"):
        answer = await client.get(f"http://test{path}")
        assert answer.headers["cache-control"] == "no-store", path
        assert "x-request-id" in answer.headers, path
