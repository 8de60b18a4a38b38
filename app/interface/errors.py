"""Expected failures and the one renderer that turns every failure into RFC 9457 problem+json."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from psycopg.errors import InsufficientPrivilege
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.interface.language import Text, preferred_language
from app.interface.validation import FieldError, field_errors

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
BROKEN_CONSTRAINT = Text(
    "内容与已有数据重复或不一致，未保存",
    "This repeats or contradicts what is stored; nothing was saved",
)


class ErrorItem(BaseModel):
    """One fault in the request, tied to the place it stands in."""

    pointer: str = Field(description="JSON Pointer into the body, or the parameter's name")
    code: str
    detail: str


class ProblemBody(BaseModel):
    """What every error response holds (RFC 9457); `code` is the contract, texts may change."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: list[ErrorItem] = []
    request_id: str | None = None


@dataclass(eq=False)
class Problem(Exception):
    """An expected failure; subclasses fix status, code and title."""

    detail: Text | None = None
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] | None = None

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[Text] = Text("服务内部错误", "Internal error")
    keeps_work: ClassVar[bool] = False


class MalformedRequest(Problem):
    status, code = 400, "malformed_request"
    title = Text("请求格式无法识别", "The request cannot be read")


class NotSignedIn(Problem):
    status, code = 401, "not_signed_in"
    title = Text("请先登录", "Sign in first")

    def __init__(self, detail: Text | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    status, code = 403, "forbidden"
    title = Text("没有权限", "Not allowed")


class NotFound(Problem):
    status, code = 404, "not_found"
    title = Text("未找到", "Not found")


class MethodNotAllowed(Problem):
    status, code = 405, "method_not_allowed"
    title = Text("不支持该方法", "Method not allowed")


class Conflict(Problem):
    status, code = 409, "conflict"
    title = Text("与现有数据冲突", "In conflict with what is stored")


class ChangedMeanwhile(Problem):
    status, code = 409, "changed_meanwhile"
    title = Text("记录已被他人修改，请重新读取", "Somebody else changed the record; read it again")


class WrongState(Problem):
    """A verb that the record's state does not allow."""

    status, code = 409, "wrong_state"
    title = Text("当前状态不允许此操作", "The record's state does not allow this")

    def __init__(self, *, verb: str, state: str, allowed: Sequence[str]) -> None:
        text = Text(
            "操作“{verb}”只能在以下状态进行：{allowed}；当前状态：{state}",
            "The action '{verb}' needs one of the states {allowed}; the record's state is {state}",
        )
        super().__init__(text.format(verb=verb, state=state, allowed=", ".join(allowed)))


class PreconditionFailed(Problem):
    status, code = 412, "precondition_failed"
    title = Text("记录已被修改，请重新读取", "The record has changed; read it again")


class PayloadTooLarge(Problem):
    status, code = 413, "payload_too_large"
    title = Text("请求内容过大", "The request is too large")


class UnsupportedMedia(Problem):
    status, code = 415, "unsupported_media_type"
    title = Text("不支持的内容类型", "Unsupported media type")


class Invalid(Problem):
    """The payload breaks a rule; `errors` names each field."""

    status, code = 422, "invalid"
    title = Text("内容不符合要求", "The content does not meet the requirements")


class KeyReused(Problem):
    """An Idempotency-Key that came with another request before."""

    status, code = 422, "idempotency_key_reused"
    title = Text("该幂等键已用于另一请求", "This Idempotency-Key belongs to another request")


class PreconditionRequired(Problem):
    status, code = 428, "precondition_required"
    title = Text("请在 If-Match 中给出所见版本", "Name the version you saw in If-Match")


class TooManyRequests(Problem):
    status, code = 429, "too_many_requests"
    title = Text("请求过于频繁，请稍后再试", "Too many requests; try again later")


class RateLimited(TooManyRequests):
    code = "rate_limited"
    title = Text("请求过于频繁", "Too many requests")

    def __init__(self, seconds: int, headers: Mapping[str, str]) -> None:
        text = Text("请在 {seconds} 秒后重试", "Try again in {seconds} seconds")
        super().__init__(
            text.format(seconds=seconds), headers={**headers, "Retry-After": str(seconds)}
        )


class Unavailable(Problem):
    status, code = 503, "unavailable"
    title = Text("服务暂不可用，请稍后重试", "Unavailable for the moment; try again")

    def __init__(self, detail: Text | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_SECONDS)})


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    problem.status: {
        "description": f"{problem.title.zh} · {problem.title.en}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
    for problem in (
        MalformedRequest,
        NotSignedIn,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        PreconditionFailed,
        PayloadTooLarge,
        UnsupportedMedia,
        Invalid,
        PreconditionRequired,
        TooManyRequests,
        Problem,
        Unavailable,
    )
}


def invalid_field(pointer: str, code: str, zh: str, en: str) -> Invalid:
    """The payload breaks one rule at one field."""
    return Invalid(errors=[FieldError(pointer=pointer, code=code, message=Text(zh, en))])


def render(request: Request, problem: Problem) -> Response:
    """The problem as problem+json in the caller's language."""
    language = preferred_language(request.headers.get("accept-language", ""))
    body = ProblemBody(
        title=problem.title.in_language(language),
        status=problem.status,
        code=problem.code,
        detail=problem.detail.in_language(language) if problem.detail else None,
        errors=[
            ErrorItem(pointer=e.pointer, code=e.code, detail=e.message.in_language(language))
            for e in problem.errors
        ],
        request_id=request.scope.get("request_id"),
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    return JSONResponse(
        body.model_dump(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers | dict(problem.headers or {}),
    )


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
    """What Starlette and FastAPI raise on their own: no route, wrong method, unreadable body."""
    problem = HTTP_PROBLEMS.get(error.status_code, MalformedRequest)()
    problem.headers = error.headers
    return problem


def from_database(error: DBAPIError) -> Problem:
    """A broken constraint is the caller's conflict; anything else means the database is away."""
    if isinstance(error, IntegrityError):
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        logger.warning("constraint %s is broken", constraint)
        return Conflict(BROKEN_CONSTRAINT)
    if isinstance(error.orig, InsufficientPrivilege):
        logger.error("row-level security refused what the application allowed", exc_info=error)
        return Forbidden()
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return Unavailable()
    logger.error("database error", exc_info=error)
    return Problem()


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
            await render(Request(scope), Problem())(scope, receive, send)


def from_validation(error: RequestValidationError) -> Problem:
    """Pydantic's findings, each with a pointer; a body that is no JSON at all is malformed.

    FastAPI parses a body only where its content type says JSON, and hands on bytes otherwise.
    """
    found = error.errors()
    if isinstance(error.body, bytes) and any(item["loc"] == ("body",) for item in found):
        return UnsupportedMedia()
    if any(item["type"] == "json_invalid" for item in found):
        return MalformedRequest(errors=field_errors(found))
    return Invalid(errors=field_errors(found))
