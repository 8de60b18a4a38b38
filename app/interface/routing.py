"""The route that every endpoint of the interface is: conventions nobody has to remember.

It stands around the endpoint, where its result is known and the transaction is still open, so
that an answer and what is kept of it are one with the work.
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response, status
from fastapi.routing import APIRoute
from starlette._utils import get_route_path
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from app.interface import auditing, idempotency
from app.interface.admission import (
    Callers,
    Guard,
    count_attempt,
    count_items,
    count_request,
    guard_of,
    note_success,
)
from app.interface.auditing import Trace, network_of
from app.interface.deprecation import deprecation_of
from app.interface.errors import NotSignedIn, Problem, RateLimited, Unavailable, render
from app.interface.optional_bodies import with_optional_body
from app.interface.pagination import Page
from app.interface.places import Places
from app.interface.preconditions import PRECONDITION, entity_tag, is_known, precondition_of
from app.interface.refusal_log import RefusalLog
from app.interface.schemas import Body, RecordBody, TriableBody, VersionedBody
from app.interface.turns import take_turn

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = Callable[..., Any]

PREFIX = "/api/v1"  # of the routes of all domains
SHARED_HEADERS = "shared_headers"

_request: ContextVar[Request] = ContextVar("request")


class ConventionalRoute(APIRoute):
    """A route with limits, entity tags, preconditions, idempotent repetition and audit entries."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        self.guard = guard_of(endpoint, set(options.get("methods") or ()))
        self.deprecation = deprecation_of(endpoint)
        self.keeps_answers = idempotency.keeps_answers(endpoint)
        self.shows: str | None = getattr(endpoint, auditing.SENSITIVE, None)
        if self.deprecation is not None and self.deprecation.parameter is None:
            options["deprecated"] = True
        answered = _around(endpoint, self.guard)
        if "POST" in (options.get("methods") or ()):  # an empty PUT or PATCH would change nothing
            answered = with_optional_body(answered)
        super().__init__(path, answered, **options)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def governed(request: Request) -> Response:
            _request.set(request)
            request.scope[SHARED_HEADERS] = self._deprecation_headers(request)
            request.scope[SHARED_HEADERS] |= await count_request(request, self.guard)
            callers: Callers = request.app.state.callers
            places: Places = request.app.state.places
            sender, is_writing = callers.sender_of(request), request.method != "GET"
            caller = callers.account_of(request) or sender
            request.state.place = places.to_work(caller, is_writing=is_writing)
            async with places.to_send(sender):
                return await self._govern(request, handle)

        return governed

    async def _govern(self, request: Request, handle: Handler) -> Response:
        precondition = precondition_of(request)
        trace: Trace = request.state.trace
        request.state.session_info = {PRECONDITION: precondition, auditing.TRACE: trace}
        claim = await idempotency.claim_of(request) if self.keeps_answers else None
        request.state.claim = claim
        response = await _let_in(request, handle, trace)
        if precondition.is_required and not precondition.was_asked:
            raise RuntimeError(f"{request.method} {self.path} changes without a precondition")
        response = _tagged(request, response)
        if claim is not None:
            await idempotency.keep(request, claim, response)
        trace.status = response.status_code
        return response

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give every answer of this route, problems too, the fields that all of them have.

        A refusal is recorded before it leaves, after its request has rolled back.
        """
        request = Request(scope)
        trace = request.state.trace = self._trace_of(request)
        is_replaced = False

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = MutableHeaders(scope=message)
                for name, value in scope.get(SHARED_HEADERS, {}).items():
                    fields.setdefault(name, value)
            await send(message)

        async def governed_send(message: Message) -> None:
            nonlocal is_replaced
            if is_replaced:
                return
            if message["type"] == "http.response.start" and message["status"] >= 400:
                try:
                    await _record(request, trace, message["status"])
                except Unavailable as problem:
                    is_replaced = True
                    await render(request, problem)(scope, receive, send_with_fields)
                    return
            await send_with_fields(message)

        try:
            await super().handle(scope, receive, governed_send)
        except HTTPException:  # this path has no such method
            raise
        except Exception:
            request.state.problem = Problem()
            with suppress(Unavailable):  # it is a fault, and logged as one
                await _record(request, trace, Problem.status)
            raise

    def _trace_of(self, request: Request) -> Trace:
        is_read = request.method == "GET"
        return Trace(
            action=f"{request.method} {self.path_format}",
            is_wanted=not is_read or self.shows is not None,
            path_ids=tuple(v for v in request.path_params.values() if isinstance(v, UUID)),
            request_id=request.scope.get("request_id"),
            network=network_of(request.client.host if request.client else None),
        )

    def _deprecation_headers(self, request: Request) -> dict[str, str]:
        deprecation = self.deprecation
        if deprecation is None or deprecation.parameter not in (None, *request.query_params):
            return {}
        return deprecation.headers


class DomainRoute(ConventionalRoute):
    """A route of a domain, which is included under PREFIX and knows nothing of it."""


class DomainRouter(APIRouter):
    """The routes of a domain, which are looked through only for paths that begin as one of them.

    The library compares a path with every route of every router, one after the other: 300.
    """

    def __init__(self, tag: str) -> None:
        super().__init__(tags=[tag], route_class=DomainRoute)
        self._first_words: set[str] = set()

    def add_api_route(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        """Add a route; `path` begins with a word, as /experts or /auth:sign-in."""
        self._first_words.add(_first_word(path))
        super().add_api_route(path, endpoint, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """NONE for what begins otherwise, else what the library says."""
        path = get_route_path(scope).removeprefix(PREFIX)
        if _first_word(path) not in self._first_words:
            return Match.NONE, {}
        return super().matches(scope)


def _first_word(path: str) -> str:
    """Of a path below PREFIX, before any further "/" or ":"."""
    return path[1:].partition("/")[0].partition(":")[0]


async def _let_in(request: Request, handle: Handler, trace: Trace) -> Response:
    """Handle the request, and remember what the door said of its credential.

    A problem whose work stays is committed with its own entry.
    """
    callers: Callers = request.app.state.callers
    try:
        response = await handle(request)
    except Problem as problem:
        trace.status, trace.code = problem.status, problem.code
        if isinstance(problem, NotSignedIn):
            callers.forget(request)
        raise
    callers.note(request)
    return response


async def _record(request: Request, trace: Trace, status: int) -> None:
    """Keep a refusal in the audit log; of a flood that the limits hold off, one a minute.

    Raises Unavailable where it cannot be kept.
    """
    problem: Problem | None = getattr(request.state, "problem", None)
    if isinstance(problem, RateLimited) and problem.is_repeated:
        return
    trace.status, trace.code = status, problem.code if problem else None
    if trace.is_of_interest():
        log: RefusalLog = request.app.state.refusal_log
        await log.record(trace)


def _around(endpoint: Endpoint, guard: Guard) -> Endpoint:
    """Answer a repetition instead of the endpoint, and note what it was given and shows."""
    if isasyncgenfunction(endpoint):
        return endpoint  # a stream is neither kept nor tagged

    @wraps(endpoint)
    async def answered(**values: Any) -> Any:
        request = _request.get()
        claim = request.state.claim
        _note_given(request, endpoint, values)
        if guard.items_of is not None:
            await take_turn(request)  # before the claim, where repetitions would wait
        if claim is not None and (kept := await idempotency.find(request, claim)) is not None:
            await idempotency.check_again(endpoint, values)
            return kept
        request.scope[SHARED_HEADERS] |= await count_items(request, guard, values)
        await count_attempt(request, guard, values)
        result = await endpoint(**values)
        await note_success(request, guard, values)
        _note_shown(request.state.trace, endpoint, result)
        if isinstance(result, TriableBody) and result.is_dry_run:
            request.state.is_dry_run = True
        elif isinstance(result, VersionedBody):
            request.state.version = result.version
        return result

    return answered


def _note_given(request: Request, endpoint: Endpoint, values: Mapping[str, Any]) -> None:
    """The names of the fields that were sent: those of our own bodies, so no name is a secret."""
    trace: Trace = request.state.trace
    for body in values.values():
        if isinstance(body, Body):
            trace.fields |= body.sent_names()
            if hasattr(endpoint, auditing.BY_EMAIL):
                key = request.app.state.settings.secret_key.get_secret_value()
                trace.email_hash = auditing.hash_email(key, getattr(body, "email"))  # noqa: B009


def _note_shown(trace: Trace, endpoint: Endpoint, result: object) -> None:
    """The records that a sensitive answer shows; where it shows none of them, nothing was read."""
    shows: str | None = getattr(endpoint, auditing.SENSITIVE, None)
    if shows is None:
        return
    items = result.items if isinstance(result, Page) else [result]
    records = [item for item in items if isinstance(item, RecordBody)]
    if shows:
        records = [record for record in records if getattr(record, shows) is not None]
        trace.is_wanted = bool(records)
    trace.touched |= {record.id: None for record in records}


def _tagged(request: Request, response: Response) -> Response:
    """Name the representation; say 304 to a caller who has it already.

    A dry run has made no record, and has nothing to be named.
    """
    if getattr(request.state, "is_dry_run", False):
        response.status_code = status.HTTP_200_OK
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
