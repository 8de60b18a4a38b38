"""What an item of a batch may say: what the routes of its records take one by one.

The vocabulary is read off the routes: `create` is the collection's POST, `update` the record's
PATCH, and every verb bears its own name. So a new verb of a domain is one of its batch, too.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from inspect import get_annotations, unwrap
from operator import or_
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
)

from app.interface.preconditions import CHANGING
from app.interface.schemas import Body, Flag, opaque_of, tag_of
from app.interface.validation import FieldError, field_errors

MAX_ITEMS = 500
CREATE, UPDATE = "create", "update"

IfMatch = Annotated[
    str,
    opaque_of(500),
    Field(
        examples=["*"],
        description='as in the header: the ETag that was seen, its version alone as `"3"`, or `*`',
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that an item may ask for, and the route that does it."""

    name: str
    route: APIRoute
    record_parameter: str | None
    body_parameter: str | None
    body: Any
    needs_body: bool

    @property
    def label(self) -> str:
        """How the audit log calls the route."""
        (method,) = _methods(self.route)
        return f"{method} {self.route.path_format}"

    @property
    def is_changing(self) -> bool:
        """Whether the item must name the version that was seen."""
        return not CHANGING.isdisjoint(_methods(self.route))


@dataclass(frozen=True, slots=True)
class Fault:
    """An item that its schema refuses; the pointers are those of the item alone."""

    action: str
    errors: list[FieldError]


class Batch(Body):
    """Items of one collection, done in their order."""

    items: list[Any]
    atomic: Flag = Field(default=False, description="all or nothing: one refused item undoes all")


def actions_of(router: APIRouter, collection: str) -> dict[str, Action]:
    """Everything that the router's routes do with one record of the collection."""
    found = {}
    for route in router.routes:
        if isinstance(route, APIRoute) and (name := _name(route, collection)):
            found[name] = _action(name, route)
    return found


def _methods(route: APIRoute) -> set[str]:
    return route.methods or set()


def _name(route: APIRoute, collection: str) -> str | None:
    methods = _methods(route)
    if route.path == f"/{collection}" and "POST" in methods:
        return CREATE
    of_record = re.fullmatch(rf"/{collection}/{{\w+:uuid}}(?::([a-z-]+))?", route.path)
    if of_record is None:
        return None
    if of_record[1] is None:
        return UPDATE if "PATCH" in methods else None
    return of_record[1] if "POST" in methods else None


def _action(name: str, route: APIRoute) -> Action:
    body = next(iter(route.dependant.body_params), None)
    records = route.dependant.path_params
    return Action(
        name=name,
        route=route,
        record_parameter=records[0].name if records else None,
        body_parameter=body.name if body else None,
        # The endpoint's own: its route says of one that may be left out that it may be null.
        body=get_annotations(unwrap(route.endpoint))[body.name] if body else None,
        needs_body=body is not None and body.field_info.is_required(),
    )


def batch_model(noun: str, actions: Mapping[str, Action]) -> type[Batch]:
    """The request: a list of items, told apart by their `action`.

    An item that its schema refuses does not spoil the others: it comes as a `Fault`.
    """
    alike: dict[tuple[str, Any], list[Action]] = defaultdict(list)
    for action in actions.values():
        alike[_kind_of(action), action.body].append(action)
    models = [_item_model(noun + kind, group) for (kind, _), group in alike.items()]
    told_apart: Any = Annotated[
        reduce(or_, models),
        Field(discriminator="action"),
        tag_of("action", *models),
        WrapValidator(_keep_fault),
    ]
    items: Any = (list[told_apart], Field(min_length=1, max_length=MAX_ITEMS))
    return create_model(f"{noun}Batch", __base__=Batch, __doc__=Batch.__doc__, items=items)


def _kind_of(action: Action) -> str:
    if action.name in (CREATE, UPDATE):
        return f"{action.name.capitalize()}Item"
    return f"{action.body.__name__}Item" if action.body else "StepItem"


def _item_model(name: str, alike: list[Action]) -> type[Body]:
    """One model for all actions that take the same."""
    names = tuple(action.name for action in alike)
    fields: dict[str, Any] = {"action": (Literal[names], ...)}
    if alike[0].record_parameter:
        need = "428 without" if alike[0].is_changing else "optional"
        fields["id"] = (UUID, ...)
        fields["if_match"] = (IfMatch | None, Field(default=None, description=need))
    if alike[0].body:
        body, needed = alike[0].body, alike[0].needs_body
        fields["data"] = (body, ... if needed else Field(default_factory=body))
    doc = f"{', '.join(names)}: as in a request of its own."
    return create_model(name, __base__=Body, __doc__=doc, **fields)


def _keep_fault(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError as error:
        found: list[Any] = error.errors(include_url=False, include_input=False)
        # A place begins with the action, which tells the models apart, once that is known.
        action = next((str(f["loc"][0]) for f in found if f["loc"]), "")
        errors = field_errors([f | {"loc": ("body", *f["loc"][1:])} for f in found])
        return Fault(action, errors)
