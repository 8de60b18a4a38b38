"""Every way to break a client is found in the real document, and nothing else is."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.compatibility.documents import breaking_changes
from scripts.openapi import released_document

Schema = dict[str, Any]
Mutation = Callable[[Any], None]


def _in_part(document: Schema) -> Schema:
    """On demands and accounts: to compare the whole one takes a second each time."""
    paths = document["paths"]
    kept = {path: paths[path] for path in paths if re.search("/(demands|auth|me)", path)}
    return document | {"paths": kept}


DOCUMENT = _in_part(released_document())
WRITTEN = json.dumps(DOCUMENT)  # which is copied faster than the document itself


def _operations(document: Schema) -> Iterator[Schema]:
    for methods in document["paths"].values():
        yield from methods.values()


def _follow(document: Schema, part: Schema) -> Schema:
    if reference := part.get("$ref"):
        _, _, kind, name = reference.split("/")
        found: Schema = document["components"][kind][name]
        return found
    return part


def _parts(document: Schema, schema: Schema, seen: set[int]) -> Iterator[Schema]:
    """The schema and all that it is made of."""
    schema = _follow(document, schema)
    if id(schema) in seen:
        return
    seen.add(id(schema))
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    for part in [*inner, *([schema["items"]] if "items" in schema else ())]:
        yield from _parts(document, part, seen)


def in_requests(document: Schema) -> Iterator[Schema]:
    """Every schema of a body or parameter that a client sends."""
    seen: set[int] = set()
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            yield from _parts(document, _follow(document, parameter)["schema"], seen)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from _parts(document, content["schema"], seen)


def in_answers(document: Schema) -> Iterator[Schema]:
    """Every schema of a good answer."""
    seen: set[int] = set()
    for operation in _operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                for content in answer.get("content", {}).values():
                    shown = content.get("schema") or content["itemSchema"]
                    yield from _parts(document, shown, seen)


def _having(key: str, schemas: Iterator[Schema]) -> list[Schema]:
    return [schema for schema in schemas if schema.get(key)]


def _objects_in_requests(document: Schema) -> list[Schema]:
    return _having("properties", in_requests(document))


def _objects_in_answers(document: Schema) -> list[Schema]:
    return _having("properties", in_answers(document))


def _plain_texts(schemas: Iterator[Schema]) -> list[Schema]:
    return [
        s for s in schemas if s.get("type") == "string" and not {"enum", "const", "format"} & set(s)
    ]


def _nullable(schemas: Iterator[Schema]) -> list[Schema]:
    return [s for s in schemas if {"type": "null"} in s.get("anyOf", ())]


def _remove_first(schema: Schema, key: str) -> None:
    del schema[key][next(iter(schema[key]))]


def _require_optional(schema: Schema) -> None:
    optional = [name for name in schema["properties"] if name not in schema.get("required", ())]
    schema["required"] = [*schema.get("required", ()), *(optional or ["fresh"])]


def _with_body(document: Schema) -> list[Schema]:
    return [o for o in _operations(document) if "requestBody" in o]


def _with_query(document: Schema) -> list[Schema]:
    return [o for o in _operations(document) if any("name" in p for p in o.get("parameters", ()))]


def _named(operation: Schema) -> Schema:
    found: Schema = next(p for p in operation["parameters"] if "name" in p)
    return found


def _rename_type(document: Schema) -> None:
    old, new = "/schemas/DemandBody", "/schemas/Demand"
    schemas = document["components"]["schemas"]
    schemas["Demand"] = schemas.pop("DemandBody")
    document.update(json.loads(json.dumps(document).replace(f'{old}"', f'{new}"')))


FRESH = {"in": "query", "name": "fresh", "schema": {"type": "string"}}

# name → where it may happen, what is done there
BREAKING: dict[str, tuple[Callable[[Schema], list[Any]], Mutation]] = {
    "a path goes": (lambda d: [d["paths"]], lambda paths: paths.popitem()),
    "a method goes": (lambda d: list(d["paths"].values()), lambda methods: methods.popitem()),
    "an operation is renamed": (
        lambda d: list(_operations(d)),
        lambda o: o.update(operationId="other"),
    ),
    "a good status changes": (
        lambda d: list(_operations(d)),
        lambda o: o["responses"].update(
            {"299": o["responses"].pop(next(s for s in o["responses"] if s < "3"))}
        ),
    ),
    "a parameter goes": (_with_query, lambda o: o["parameters"].remove(_named(o))),
    "a parameter is renamed": (_with_query, lambda o: _named(o).update(name="other")),
    "a new parameter is required": (
        lambda d: list(_operations(d)),
        lambda o: o.setdefault("parameters", []).append(FRESH | {"required": True}),
    ),
    "a body goes": (_with_body, lambda o: o.pop("requestBody")),
    "a body changes its media type": (
        _with_body,
        lambda o: o["requestBody"].update(
            content={"text/plain": next(iter(o["requestBody"]["content"].values()))}
        ),
    ),
    "a request's field goes": (_objects_in_requests, lambda s: _remove_first(s, "properties")),
    "a request's field is required": (_objects_in_requests, _require_optional),
    "a request takes no null": (
        lambda d: _nullable(in_requests(d)),
        lambda s: s["anyOf"].remove({"type": "null"}),
    ),
    "a request's value goes": (
        lambda d: _having("enum", in_requests(d)),
        lambda s: s["enum"].pop(),
    ),
    "a request's text gets values": (
        lambda d: _plain_texts(in_requests(d)),
        lambda s: s.update(enum=["one"]),
    ),
    "a request's text gets a format": (
        lambda d: _plain_texts(in_requests(d)),
        lambda s: s.update(format="uuid"),
    ),
    "a request's text gets shorter": (
        lambda d: _having("maxLength", in_requests(d)),
        lambda s: s.update(maxLength=s["maxLength"] - 1),
    ),
    "a request's text gets a least length": (
        lambda d: _plain_texts(in_requests(d)),
        lambda s: s.update(minLength=s.get("minLength", 0) + 1),
    ),
    "a request's text gets another pattern": (
        lambda d: _plain_texts(in_requests(d)),
        lambda s: s.update(pattern="^x$"),
    ),
    "a request's number gets smaller": (
        lambda d: _having("maximum", in_requests(d)),
        lambda s: s.update(maximum=s["maximum"] - 1),
    ),
    "a request's list gets shorter": (
        lambda d: _having("maxItems", in_requests(d)),
        lambda s: s.update(maxItems=s["maxItems"] - 1),
    ),
    "a request's field gets another type": (
        lambda d: _having("type", in_requests(d)),
        lambda s: s.update(type="boolean" if s["type"] != "boolean" else "string"),
    ),
    "a request's default changes": (
        lambda d: [s for s in in_requests(d) if "default" in s],
        lambda s: s.update(default="other"),
    ),
    "an answer's field goes": (_objects_in_answers, lambda s: _remove_first(s, "properties")),
    "an answer's field may be missing": (
        lambda d: _having("required", in_answers(d)),
        lambda s: s.update(required=s["required"][1:]),
    ),
    "an answer's value goes": (
        lambda d: _having("enum", in_answers(d)),
        lambda s: s["enum"].pop(),
    ),
    "an answer's text loses its format": (
        lambda d: _having("format", in_answers(d)),
        lambda s: s.pop("format"),
    ),
    "an answer may be null": (
        lambda d: [
            field
            for s in _objects_in_answers(d)
            for field in s["properties"].values()
            if field.get("type") == "string"
        ],
        lambda s: s.update(anyOf=[{"type": "string"}, {"type": "null"}]),
    ),
    "an answer's field gets another type": (
        # A flag that is never null any more surprises nobody.
        lambda d: [s for s in _having("type", in_answers(d)) if s["type"] != "null"],
        lambda s: s.update(type="boolean" if s["type"] != "boolean" else "string"),
    ),
    "an answer loses a header": (
        lambda d: [
            answer
            for operation in _operations(d)
            for status, answer in operation["responses"].items()
            if status.startswith("2") and answer.get("headers")
        ],
        lambda a: a["headers"].popitem(),
    ),
    "a type is renamed": (lambda d: [d], _rename_type),
}

HARMLESS: dict[str, tuple[Callable[[Schema], list[Any]], Mutation]] = {
    "a new path": (lambda d: [d["paths"]], lambda paths: paths.update({"/fresh": {}})),
    "a new optional parameter": (
        lambda d: list(_operations(d)),
        lambda o: o.setdefault("parameters", []).append(FRESH),
    ),
    "a new problem": (
        lambda d: list(_operations(d)),
        lambda o: o["responses"].update({"429": {"description": "too many"}}),
    ),
    "another text": (
        lambda d: list(_operations(d)),
        lambda o: o.update(summary="other", description="other", tags=["other"]),
    ),
    "a request's new field": (
        _objects_in_requests,
        lambda s: s["properties"].update(fresh={"type": "string", "default": ""}),
    ),
    "an answer's new field": (
        _objects_in_answers,
        lambda s: s["properties"].update(fresh={"type": "string"}),
    ),
    "a request's new value": (
        lambda d: _having("enum", in_requests(d)),
        lambda s: s["enum"].append("fresh"),
    ),
    "an answer's new value": (
        lambda d: _having("enum", in_answers(d)),
        lambda s: s["enum"].append("fresh"),
    ),
    "a request's longer text": (
        lambda d: _having("maxLength", in_requests(d)),
        lambda s: s.update(maxLength=s["maxLength"] + 1),
    ),
    "a request's text of any length": (
        lambda d: _having("maxLength", in_requests(d)),
        lambda s: s.pop("maxLength"),
    ),
    "another example": (
        lambda d: _having("type", in_answers(d)),
        lambda s: s.update(examples=["other"], title="other"),
    ),
}


def _changed(draw: st.DataObject, change: tuple[Callable[[Schema], list[Any]], Mutation]) -> Schema:
    places, mutate = change
    document: Schema = json.loads(WRITTEN)
    found = places(document)
    assert found, "the document has no such place: the test would prove nothing"
    mutate(found[draw.draw(st.integers(0, len(found) - 1))])
    return document


@pytest.mark.parametrize("name", BREAKING)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(draw=st.data())
def test_what_breaks_clients_is_found(name: str, draw: st.DataObject) -> None:
    assert breaking_changes(DOCUMENT, _changed(draw, BREAKING[name]))


@pytest.mark.parametrize("name", HARMLESS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(draw=st.data())
def test_what_is_added_breaks_nobody(name: str, draw: st.DataObject) -> None:
    assert breaking_changes(DOCUMENT, _changed(draw, HARMLESS[name])) == []


def test_a_document_agrees_with_itself() -> None:
    assert breaking_changes(DOCUMENT, json.loads(WRITTEN)) == []


def test_each_break_is_said_in_a_sentence_with_its_place() -> None:
    changed = json.loads(WRITTEN)
    schemas = changed["components"]["schemas"]
    del schemas["DemandBody"]["properties"]["title"]
    schemas["SignIn"]["properties"]["password"]["maxLength"] = 64
    del changed["paths"]["/api/v1/me"]["patch"]
    found = breaking_changes(DOCUMENT, changed)
    assert "PATCH /api/v1/me has gone" in found
    assert "GET /api/v1/demands/{demand_id} 200.title has gone" in found
    assert "POST /api/v1/auth:sign-in body.password: maxLength is 64, was 128" in found
