"""Turn every failure of the application into the problem that its caller reads."""

import errno
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.interface.errors import (
    Busy,
    ChangedMeanwhile,
    Conflict,
    Forbidden,
    Invalid,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Problem,
    StorageFull,
    Unavailable,
    UnsupportedMedia,
    render,
)
from app.interface.language import Text
from app.interface.validation import field_errors

logger = logging.getLogger(__name__)

BROKEN_CONSTRAINT = Text(
    "内容与已有数据重复或不一致，未保存",
    "This repeats or contradicts what is stored; nothing was saved",
)

NOT_JSON = Text(
    "请以 JSON 发送，并注明 Content-Type: application/json",
    "Send JSON, and say so: Content-Type: application/json",
)

DISK_FULL, LOCKED = "53100", "55P03"  # PostgreSQL's codes
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

HTTP_PROBLEMS: dict[int, type[Problem]] = {
    problem.status: problem
    for problem in (
        MalformedRequest,
        NotFound,
        MethodNotAllowed,
        PayloadTooLarge,
        UnsupportedMedia,
    )
}


def from_http(error: HTTPException) -> Problem:
    """What Starlette and FastAPI raise on their own: no route, wrong method, unreadable body.

    To FastAPI a body that found no room on the disk is unreadable, too. A problem that had to pass
    through them comes as the cause.
    """
    if isinstance(error.__cause__, Problem):
        return error.__cause__
    if _lacks_room(error.__cause__):
        return StorageFull()
    problem = HTTP_PROBLEMS.get(error.status_code, MalformedRequest)()
    problem.headers = error.headers
    return problem


def from_database(error: DBAPIError) -> Problem:
    """A broken constraint is the caller's conflict; else the database is full, or away."""
    if isinstance(error, IntegrityError):
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        logger.warning("constraint %s is broken", constraint)
        return Conflict(BROKEN_CONSTRAINT)
    if getattr(error.orig, "sqlstate", None) == DISK_FULL:
        logger.error("the database's disk is full")
        return StorageFull()
    if getattr(error.orig, "sqlstate", None) == LOCKED:
        logger.warning("something stayed locked for too long")
        return Busy()
    if isinstance(error.orig, InsufficientPrivilege):
        logger.error("row-level security refused what the application allowed", exc_info=error)
        return Forbidden()
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return Unavailable()
    logger.error("database error", exc_info=error)
    return Problem()


def _lacks_room(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in NO_ROOM


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """All methods that some route of this path serves; Starlette names only the first route's."""
    contexts = [c for c in iter_route_contexts(app.routes) if c.methods]
    methods = {m for c in contexts if c.path_regex.match(path) for m in c.methods or ()}
    return sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))


def install(app: FastAPI) -> None:
    """Make every failure of the application answer with a problem."""

    async def on_problem(request: Request, error: Any) -> Response:
        return render(request, error)

    async def on_http(request: Request, error: Any) -> Response:
        problem = from_http(error)
        if not isinstance(problem, MethodNotAllowed):
            return render(request, problem)
        problem.headers = {"Allow": ", ".join(allowed_methods(app, request.url.path))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=problem.headers)
        return render(request, problem)

    async def on_validation(request: Request, error: Any) -> Response:
        return render(request, from_validation(error))

    async def on_database(request: Request, error: Any) -> Response:
        return render(request, from_database(error))

    async def on_stale(request: Request, error: Any) -> Response:
        return render(request, ChangedMeanwhile())

    async def on_away(request: Request, error: Any) -> Response:
        return render(request, Unavailable())

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(DBAPIError, on_database)
    app.add_exception_handler(StaleDataError, on_stale)
    app.add_exception_handler(PoolTimeout, on_away)
    app.add_exception_handler(ConnectionError, on_away)
    app.add_middleware(FaultMiddleware)


class FaultMiddleware:
    """Answers what nobody expected.

    Starlette's own place for that lies outside all middleware, so its answers would lack the
    request's id and the CORS headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def noting_send(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, noting_send)
        except Exception as error:
            if has_started or scope["type"] != "http":
                raise
            logger.error("unexpected fault", exc_info=error)
            problem = StorageFull() if _lacks_room(error) else Problem()
            await render(Request(scope), problem)(scope, receive, send)


def from_validation(error: RequestValidationError) -> Problem:
    """Pydantic's findings, each with a pointer; a body that is no JSON at all is malformed.

    FastAPI parses a body only where its content type says JSON, and hands on bytes otherwise.
    """
    found = error.errors()
    if isinstance(error.body, bytes) and any(item["loc"] == ("body",) for item in found):
        return UnsupportedMedia(NOT_JSON)
    if any(item["type"] == "json_invalid" for item in found):
        return MalformedRequest(errors=field_errors(found))
    return Invalid(errors=field_errors(found))
