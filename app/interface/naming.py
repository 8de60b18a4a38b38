"""What generated clients call things: the endpoints' own names, and types that read as nouns."""

import re
from typing import Any

from fastapi.routing import APIRoute

PREFIX = "#/components/schemas/"
GENERIC = re.compile(r"([A-Z][A-Za-z]*)_([A-Z][A-Za-z]*?)(?:Body)?_")
FORM = re.compile(r"Body_(\w+)")


def operation_id(route: APIRoute) -> str:
    """The endpoint's name; tests/app/interface/test_openapi.py sees to it that each has its own."""
    return route.name


def summary_of(operation: dict[str, Any]) -> str:
    """匹配专家 · Match demand: what the description begins with, and the endpoint's name."""
    noun, _, _ = operation["description"].partition(" · ")
    words = operation["operationId"].replace("_", " ").capitalize().replace(" api ", " API ")
    return f"{noun} · {words}"


def schema_name(name: str) -> str:
    """Page_DemandBody_ → DemandPage, Body_create_import → CreateImportForm; others stay."""
    if generic := GENERIC.fullmatch(name):
        return f"{generic[2]}{generic[1]}"
    if form := FORM.fullmatch(name):
        return "".join(word.capitalize() for word in form[1].split("_")) + "Form"
    return name


def name_schemas(document: dict[str, Any]) -> None:
    """Give the schemas and all references to them the names that clients see."""
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = dict(
        sorted(
            (schema_name(name), schema | _title(name, schema)) for name, schema in schemas.items()
        )
    )
    _rename_references(document)


def _title(name: str, schema: dict[str, Any]) -> dict[str, str]:
    new = schema_name(name)
    return {"title": new} if new != name and "title" in schema else {}


def _rename_references(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _rename_references(item)
    elif isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith(PREFIX):
            value["$ref"] = PREFIX + schema_name(reference.removeprefix(PREFIX))
        for item in value.values():
            _rename_references(item)
