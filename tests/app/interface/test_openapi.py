"""The document that clients are made from: complete, and true to itself."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from app.interface.examples import EXAMPLES_BY_SHAPE
from app.interface.openapi import TAGS
from app.webhooks.schemas import Event
from tests.architecture.test_access import served

Schema = dict[str, Any]
BROWSER_LOADS = re.compile(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""")


@pytest.fixture(scope="module")
def document(application: FastAPI) -> Schema:
    return application.openapi()


def _operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _contents(operation: Schema) -> Iterator[tuple[str, Schema]]:
    """The media types of the request body and of the good answers."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for code, response in operation["responses"].items():
        if code.startswith("2"):
            yield from response.get("content", {}).items()


def test_every_operation_is_described(document: Schema) -> None:
    known = {tag["name"] for tag in TAGS}
    for name, operation in _operations(document):
        noun, english = operation["summary"].split(" · ")
        assert operation["description"].startswith(f"{noun} · "), name
        assert re.search(r"[\u4e00-\u9fff]", noun), name
        assert re.fullmatch(r"[A-Z][a-z]*( ([a-z]+|API))*", english), name
        assert set(operation["tags"]) <= known, name
        assert operation["tags"], name


def test_summaries_say_it_in_chinese_first(document: Schema) -> None:
    operation = document["paths"]["/api/v1/demands/{demand_id}:match"]["post"]
    assert operation["summary"] == "匹配专家 · Match demand"
    keys = document["paths"]["/api/v1/api-keys"]["get"]
    assert keys["summary"] == "我的 API 密钥 · List API keys"


def test_clients_get_short_names_that_stay(document: Schema) -> None:
    """Functions are called what the endpoints are, types read as nouns, and each has its own."""
    ids = [operation["operationId"] for _, operation in _operations(document)]
    assert len(ids) == len(set(ids))
    assert {"create_demand", "list_demands", "match_demand", "sign_in_with_password"} <= set(ids)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in ids)
    names = set(document["components"]["schemas"])
    assert {"DemandPage", "CreateImportForm", "ProblemBody"} <= names
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in names), names


def test_changes_have_no_defaults(document: Schema) -> None:
    """Generated clients send them, and would overwrite what the caller did not name."""
    count = 0
    for name, operation in _operations(document):
        if name.startswith("PATCH "):
            body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            fields = document["components"]["schemas"][body.rpartition("/")[2]]["properties"]
            assert not [field for field in fields.values() if "default" in field], name
            count += 1
    assert count > 5


def test_no_answer_is_just_anything(document: Schema) -> None:
    for name, operation in _operations(document):
        for media, content in _contents(operation):
            shown = content["itemSchema" if media == "text/event-stream" else "schema"]
            assert shown, (name, media)


def test_every_example_fits_its_schema(document: Schema) -> None:
    count, faults = 0, list[str]()
    for name, operation in _operations(document):
        for media, content in _contents(operation):
            if content.get("schema"):
                schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
                schema |= content["schema"] | {"components": document["components"]}
                validator = jsonschema_rs.validator_for(schema, validate_formats=True)
                found = [str(e.message) for e in validator.iter_errors(content["example"])]
                faults += [f"{name} {media}: {fault}" for fault in found]
                count += 1
    assert not faults, "\n".join(faults)
    assert count > 50


def test_every_body_of_fields_has_an_example_that_says_something(document: Schema) -> None:
    for name, operation in _operations(document):
        for _, content in _contents(operation):
            if "$ref" in content.get("schema", {}):
                assert content["example"], name


def test_examples_read_like_records(document: Schema) -> None:
    filler = EXAMPLES_BY_SHAPE["string"]
    for name, operation in _operations(document):
        for media, content in _contents(operation):
            if media == "application/json":
                assert f"'{filler}'" not in str(content["example"]), name
    (queue,) = _contents(document["paths"]["/api/v1/queue"]["get"])
    (item,) = queue[1]["example"]["items"]
    assert (item["kind"], item["path"]) == ("review_demand", f"/api/v1/demands/{item['record_id']}")


def test_problems_are_declared(document: Schema) -> None:
    for name, operation in _operations(document):
        if "/api/v1/" not in name:
            continue
        for status in ("400", "401", "403", "404", "409", "413", "415", "422", "500", "503"):
            shared = operation["responses"][status]["$ref"].rpartition("/")[2]
            content = document["components"]["responses"][shared]["content"]
            assert list(content) == ["application/problem+json"], (name, status)
            [body] = content.values()
            assert body["schema"] == {"$ref": "#/components/schemas/ProblemBody"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_reference_leads_somewhere(document: Schema) -> None:
    for kind, wanted in re.findall(r"#/components/(\w+)/([^'\"]+)", str(document)):
        assert wanted in document["components"][kind], (kind, wanted)


async def test_start_page_speaks_of_the_demonstration_only_where_it_is_loaded(
    application: FastAPI,
) -> None:
    """It says nothing untrue of a service with data of its own, which it does not look at."""
    transport = ASGITransport(app=application)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        page = (await client.get("/")).text
    assert "载入了演示库时可用" in page
    assert "如载入了演示库" in page
    assert '"email": "coordinator@demo.invalid"' not in page


@pytest.mark.parametrize("path", ["/docs", "/"])
async def test_pages_load_nothing_from_elsewhere(application: FastAPI, path: str) -> None:
    transport = ASGITransport(app=application)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        page = await client.get(path)
        assert page.status_code == 200
        loads = BROWSER_LOADS.findall(page.text)
        assert loads
        for address in loads:
            assert not address.startswith(("http:", "https:", "//")), address
            if "static" in address:
                assert (await client.get(address)).status_code == 200, address


def test_what_webhooks_are_sent_is_declared_and_not_served(
    application: FastAPI, document: Schema
) -> None:
    """With an example that is an event, and without problems, which are the receiver's own."""
    event = document["webhooks"]["event"]["post"]
    assert event["summary"].startswith("事件 · ")
    assert set(event["responses"]) == {"204"}
    Event.model_validate(event["requestBody"]["content"]["application/json"]["example"])
    names = {parameter["name"] for parameter in event["parameters"]}
    assert names == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert not [path for path in served(application) if path.endswith("event")]
