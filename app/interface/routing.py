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
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from app.interface import idempotency
from app.interface.admission import (
    Callers,
    Guard,
    admit,
    admit_attempt,
    guard_of,
    note_success,
)
from app.interface.deprecation import deprecation_of
from app.interface.errors import NotSignedIn
from app.interface.preconditions import entity_tag, is_known, precondition_of
from app.interface.schemas import VersionedBody

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = Callable[..., Any]

SHARED_HEADERS = "shared_headers"

_request: ContextVar[Request] = ContextVar("request")


class ConventionalRoute(APIRoute):
    """A route with rate limits, entity tags, preconditions and idempotent repetition."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        self.guard = guard_of(endpoint, set(options.get("methods") or ()))
        self.deprecation = deprecation_of(endpoint)
        self.keeps_answers = idempotency.keeps_answers(endpoint)
        if self.deprecation is not None and self.deprecation.parameter is None:
            options["deprecated"] = True
        super().__init__(path, _around(endpoint, self.guard), **options)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def governed(request: Request) -> Response:
            _request.set(request)
            request.scope[SHARED_HEADERS] = self._deprecation_headers(request)
            request.scope[SHARED_HEADERS] |= await admit(request, self.guard)
            precondition = precondition_of(request)
            request.state.session_info = {"precondition": precondition}
            claim = await idempotency.claim_of(request) if self.keeps_answers else None
            request.state.claim = claim
            response = await _let_in(request, handle)
            if precondition.is_required and not precondition.was_asked:
                raise RuntimeError(f"{request.method} {self.path} changes without a precondition")
            response = _tagged(request, response)
            if claim is not None:
                await idempotency.keep(request, claim, response)
            return response

        return governed

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give every answer of this route, problems too, the fields that all of them have."""

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = MutableHeaders(scope=message)
                for name, value in scope.get(SHARED_HEADERS, {}).items():
                    fields.setdefault(name, value)
            await send(message)

        await super().handle(scope, receive, send_with_fields)

    def _deprecation_headers(self, request: Request) -> dict[str, str]:
        deprecation = self.deprecation
        if deprecation is None or deprecation.parameter not in (None, *request.query_params):
            return {}
        return deprecation.headers


def conventional_router(tag: str) -> APIRouter:
    """The router of a domain."""
    return APIRouter(tags=[tag], route_class=ConventionalRoute)


async def _let_in(request: Request, handle: Handler) -> Response:
    """Handle the request, and remember what the door said of its credential."""
    callers: Callers = request.app.state.callers
    try:
        response = await handle(request)
    except NotSignedIn:
        callers.forget(request)
        raise
    callers.note(request)
    return response


def _around(endpoint: Endpoint, guard: Guard) -> Endpoint:
    """Answer a repetition instead of the endpoint, and note the version of what it shows."""
    if isasyncgenfunction(endpoint):
        return endpoint  # a stream is neither kept nor tagged

    @wraps(endpoint)
    async def answered(**values: Any) -> Any:
        request = _request.get()
        claim = request.state.claim
        if claim is not None and (kept := await idempotency.find(request, claim)) is not None:
            return kept
        await admit_attempt(request, guard, values)
        result = await endpoint(**values)
        await note_success(request, guard, values)
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
