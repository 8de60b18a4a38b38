"""What all request bodies share."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import ValidationError

from app.interface.schemas import Body

WRONG = {"boolean": [0, 1, "true", "0"], "integer": ["12", True], "number": ["0.5", True]}


def json_bodies(app: FastAPI) -> Iterator[type[Body]]:
    """The models of all requests' JSON bodies."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.body_field is not None:
            yield from _models(route.body_field.field_info.annotation)


def _models(annotation: object) -> Iterator[type[Body]]:
    if isinstance(annotation, type) and issubclass(annotation, Body):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


def fields_of_type(model: type[Body], kind: str) -> Iterator[str]:
    """Those that hold nothing else; money may be written as text."""
    for name, shown in model.model_json_schema()["properties"].items():
        kinds = {part.get("type") for part in shown.get("anyOf", [shown])}
        if kinds - {"null"} == {kind}:
            yield name


@pytest.mark.parametrize("kind", WRONG)
def test_a_body_takes_no_flag_or_number_written_as_something_else(
    application: FastAPI, kind: str
) -> None:
    met = 0
    for model in set(json_bodies(application)):
        for name in fields_of_type(model, kind):
            met += 1
            for wrong in WRONG[kind]:
                with pytest.raises(ValidationError) as found:
                    model.model_validate({name: wrong})
                assert (name,) in [error["loc"] for error in found.value.errors()], (model, name)
    assert met
