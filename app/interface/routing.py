"""The route that every endpoint of the interface is: conventions nobody has to remember.

It stands around the endpoint, where its result is known and the transaction is still open, so
that an answer and what is kept of it are one with the work.
"""

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction
from typing import Any

from fastapi import APIRouter, Request, Response, status
from fastapi.routing import APIRoute

from app.interface import idempotency
from app.interface.preconditions import entity_tag, is_known, precondition_of
from app.interface.schemas import VersionedBody

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = Callable[..., Any]

_request: ContextVar[Request] = ContextVar("request")


class ConventionalRoute(APIRoute):
    """A route with entity tags, preconditions and idempotent repetition."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, _around(endpoint), **options)
        self.keeps_answers = idempotency.keeps_answers(endpoint)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def governed(request: Request) -> Response:
            _request.set(request)
            precondition = precondition_of(request)
            request.state.session_info = {"precondition": precondition}
            claim = await idempotency.claim_of(request) if self.keeps_answers else None
            request.state.claim = claim
            response = await handle(request)
            if precondition.is_required and not precondition.was_asked:
                raise RuntimeError(f"{request.method} {self.path} changes without a precondition")
            response = _tagged(request, response)
            if claim is not None:
                await idempotency.keep(request, claim, response)
            return response

        return governed


def conventional_router(tag: str) -> APIRouter:
    """The router of a domain."""
    return APIRouter(tags=[tag], route_class=ConventionalRoute)


def _around(endpoint: Endpoint) -> Endpoint:
    """Answer a repetition instead of the endpoint, and note the version of what it shows."""
    if isasyncgenfunction(endpoint):
        return endpoint  # a stream is neither kept nor tagged

    @wraps(endpoint)
    async def answered(**values: Any) -> Any:
        request = _request.get()
        claim = request.state.claim
        if claim is not None and (kept := await idempotency.find(request, claim)) is not None:
            return kept
        result = await endpoint(**values)
        if isinstance(result, VersionedBody):
            request.state.version = result.version
        return result

    return answered


def _tagged(request: Request, response: Response) -> Response:
    """Name the representation; say 304 to a caller who has it already."""
    version: int | None = getattr(request.state, "version", None)
    if version is None:
        response.headers.setdefault("Cache-Control", "no-store")
        return response
    tag = entity_tag(version, bytes(response.body))
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Language"}
    if request.method == "GET" and is_known(request.headers.get("if-none-match"), tag):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return response
