"""Expected failures, and the one renderer that shows them as RFC 9457 problem+json."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from app.interface.language import Text, language_of
from app.interface.validation import FieldError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5


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
    results: list["RefusedItem"] | None = Field(
        default=None,
        exclude_if=lambda results: results is None,
        description="only of a batch that was refused as a whole: what was wrong with each item",
    )


class RefusedItem(BaseModel):
    """Why one item of a batch was not done."""

    status: int
    problem: ProblemBody


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

    def body(self, language: str, request_id: str | None = None) -> ProblemBody:
        """What people and programs read of it."""
        return ProblemBody(
            title=self.title.in_language(language),
            status=self.status,
            code=self.code,
            detail=self.detail.in_language(language) if self.detail else None,
            errors=[
                ErrorItem(pointer=e.pointer, code=e.code, detail=e.message.in_language(language))
                for e in self.errors
            ],
            request_id=request_id,
        )


class MalformedRequest(Problem):
    status, code = 400, "malformed_request"
    title = Text("请求格式无法识别", "The request cannot be read")


class NotSignedIn(Problem):
    status, code = 401, "not_signed_in"
    title = Text("请先登录", "Sign in first")

    def __init__(self, detail: Text | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


NOT_YOURS = Text("您的角色、机构或地区不能执行此操作", "Not for your role, organization or region")


class Forbidden(Problem):
    status, code = 403, "forbidden"
    title = Text("没有权限", "Not allowed")

    def __init__(self, detail: Text = NOT_YOURS) -> None:
        """Where nothing better is said: what somebody lacks who may read and not do."""
        super().__init__(detail)


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
    """A verb that a record's state does not allow; `of` names it where the path names another."""

    status, code = 409, "wrong_state"
    title = Text("当前状态不允许此操作", "The record's state does not allow this")

    def __init__(
        self, *, verb: str, state: str, allowed: Sequence[str], of: Text | None = None
    ) -> None:
        listed = ", ".join(allowed)
        whose = Text(f"{of.zh}的", of.en) if of else Text("", "record")
        super().__init__(
            Text(
                f"操作“{verb}”只能在以下状态进行：{listed}；{whose.zh}当前状态：{state}",
                f"The action '{verb}' needs one of the states {listed}; "
                f"the {whose.en}'s state is {state}",
            )
        )


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

    def __init__(
        self, seconds: int, headers: Mapping[str, str] = {}, *, is_repeated: bool = False
    ) -> None:
        """`is_repeated`: the same caller was told so less than a minute ago."""
        self.is_repeated = is_repeated
        text = Text("请在 {seconds} 秒后重试", "Try again in {seconds} seconds")
        super().__init__(
            text.format(seconds=seconds), headers={**headers, "Retry-After": str(seconds)}
        )


class Unavailable(Problem):
    status, code = 503, "unavailable"
    title = Text("服务暂不可用，请稍后重试", "Unavailable for the moment; try again")

    def __init__(self, detail: Text | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_SECONDS)})


class StorageFull(Unavailable):
    """503 like any moment without the database: what is written meanwhile must come again."""

    code = "storage_full"
    title = Text("存储空间已满，暂时无法保存", "Storage is full; nothing can be saved for now")


class Busy(Unavailable):
    """503 for the same reason: whoever comes again after Retry-After gets their turn."""

    code = "busy"
    title = Text("记录正被其他操作占用，请稍后重试", "Something else is at work on this; try again")


# Refusals that several domains share.
NOT_IN_REGION = Text("不在您的管辖地区", "Not in your region")
NOT_OUT_OF_REGION = Text("不能移出自己的管辖地区", "Not out of your own region")
NOT_OF_OWN = Text("不在您的机构或管辖地区", "Not of your organization or region")
NOT_OUT_OF_OWN = Text("不能移出自己的机构或管辖地区", "Not out of your organization or region")
EXTERNAL_ID_TAKEN = Text("该外部编号已存在", "This external id is taken")

PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    problem.status: {
        "description": problem.title.in_both,
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


def conflicting_field(pointer: str, code: str, message: Text) -> Conflict:
    """What stands against one field, though it is well-formed."""
    return Conflict(message, errors=[FieldError(pointer=pointer, code=code, message=message)])


def invalid_field(pointer: str, code: str, zh: str, en: str) -> Invalid:
    """The payload breaks one rule at one field."""
    return Invalid(errors=[FieldError(pointer=pointer, code=code, message=Text(zh, en))])


def render(request: Request, problem: Problem) -> Response:
    """The problem as problem+json in the caller's language."""
    request.state.problem = problem
    language = language_of(request)
    body = problem.body(language, request.scope.get("request_id"))
    headers = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    return JSONResponse(
        body.model_dump(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers | dict(problem.headers or {}),
    )
