"""A POST's body that requires nothing need not be sent: its endpoint is given an empty one."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, isclass, signature
from typing import Any

from app.interface.schemas import Body

Endpoint = Callable[..., Any]


def with_optional_body(endpoint: Endpoint) -> Endpoint:
    """The endpoint itself, or where its body requires nothing, one that takes none or null, too."""
    found = signature(endpoint, eval_str=True)
    empty = {p.name: p.annotation for p in found.parameters.values() if _requires_nothing(p)}
    if not empty:
        return endpoint

    @wraps(endpoint)
    async def filled(**values: Any) -> Any:
        missing = {name: body() for name, body in empty.items() if values[name] is None}
        return await endpoint(**values | missing)

    # What FastAPI reads; by keyword, since only then may a default stand before what has none.
    filled.__signature__ = found.replace(  # type: ignore[attr-defined]
        parameters=[
            (_optional(p) if p.name in empty else p).replace(kind=Parameter.KEYWORD_ONLY)
            for p in found.parameters.values()
        ]
    )
    return filled


def _requires_nothing(parameter: Parameter) -> bool:
    body = parameter.annotation
    if not (isclass(body) and issubclass(body, Body)):
        return False
    return not any(field.is_required() for field in body.model_fields.values())


def _optional(parameter: Parameter) -> Parameter:
    return parameter.replace(annotation=parameter.annotation | None, default=None)
