"""The OpenAPI document: FastAPI's, with an example for every operation."""

import hashlib
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic.json_schema import models_json_schema

from app.interface import idempotency
from app.interface.errors import ProblemBody
from app.interface.examples import EXAMPLES_BY_NAME, EXAMPLES_BY_SHAPE
from app.interface.mending import forget_defaults, say_null, share_problems
from app.interface.naming import name_schemas, summary_of
from app.interface.preconditions import is_known
from app.interface.routing import ConventionalRoute

Schema = dict[str, Any]

DESCRIPTION = """
**双库**：院士专家智库 × 企业技术需求库。企业发布技术需求，协调员审核公开，
系统给出排序的专家、证据与加得起来的解释。

Two pools, experts and enterprises' technical demands. Sign in with `POST /api/v1/auth:sign-in`
and send `Authorization: Bearer <access_token>`. Errors are `application/problem+json`
(RFC 9457) in the language of `Accept-Language` (zh-CN by default, or en); `code` is the contract.
Lists are pages: `limit`, `cursor`, `sort`, `count=exact`. A record's answer has an `ETag`; `PUT`,
`PATCH` and `DELETE` need it in `If-Match`. A `POST` with an `Idempotency-Key` that comes twice
within 24 hours is done once and answered twice. `HEAD` is answered wherever `GET` is, `OPTIONS`
names the methods. Every answer says how its caller stands (`RateLimit-Policy`, `RateLimit`);
whoever asks too often gets 429 and `Retry-After`.
`POST …:batch` takes up to 500 items, each as its
own route would take it. What takes long answers 202 with an operation that tells how far it is.
"""

PARAMETERS: dict[str, Schema] = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "所见版本的 ETag，或 * · the ETag of the version you saw, or *",
        "schema": {"type": "string"},
        "example": "*",
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "已有内容的 ETag：未变则答 304 · the ETag you have: 304 if it is still that",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": idempotency.HEADER,
        "in": "header",
        "required": False,
        "description": "幂等键：重复请求只执行一次 · a request that comes twice is done once",
        "schema": {"type": "string", "pattern": f"^{idempotency.ACCEPTED.pattern}$"},
    },
}
HEADERS: dict[str, Schema] = {
    "ETag": {
        "description": "版本与内容的标识 · names the version and this representation of it",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "限流策略：每 w 秒 q 次 · the limit here: q requests in w seconds",
        "schema": {"type": "string"},
        "example": '"reads";q=1200;w=60',
    },
    "RateLimit": {
        "description": "剩余 r 次，t 秒后恢复 · r requests are left, all again in t seconds",
        "schema": {"type": "string"},
        "example": '"reads";r=1187;t=1',
    },
    "Retry-After": {
        "description": "可重试前的秒数 · seconds until it is worth trying again",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Deprecation": {
        "description": "自何时起不建议使用 · since when this is not to be used any more (RFC 9745)",
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
    },
    "Sunset": {
        "description": "何时可能停用 · when this may be gone (RFC 8594)",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": "替代方式的说明 · leads to what stands in its place",
        "schema": {"type": "string"},
    },
}
ALWAYS = ("RateLimit-Policy", "RateLimit")
RETRIED = ("429", "503")

TAGS = [
    {"name": "reference", "description": "标准代码 · regions, industries, disciplines, fields"},
    {"name": "accounts", "description": "账号 · sign-in, accounts, API keys"},
    {"name": "organizations", "description": "机构 · enterprises, universities, memberships"},
    {
        "name": "operations",
        "description": "长时间任务 · long work: progress, events, cancelling",
    },
    {"name": "experts", "description": "专家库 · experts and their evidence"},
    {"name": "achievements", "description": "成果库 · results open to transfer"},
    {
        "name": "pools",
        "description": "专题库 · a saved query of experts or achievements, and decisions by hand",
    },
    {"name": "demands", "description": "企业技术需求库 · enterprises' technical demands"},
    {
        "name": "campaigns",
        "description": "需求征集 · a call for demands of a scope, until a day, and what came of it",
    },
    {"name": "matches", "description": "匹配 · ranked, explained candidates and verdicts"},
    {
        "name": "common-problems",
        "description": "共性技术难题 · like demands of several enterprises, seen as one problem",
    },
    {
        "name": "teams",
        "description": "专家团队 · experts who serve one demand together",
    },
    {
        "name": "corps",
        "description": "科技服务团 · experts who stand ready for the enterprises of some regions",
    },
    {
        "name": "dockings",
        "description": "对接 · a recommended expert and a demand, from invitation to follow-up",
    },
    {"name": "cases", "description": "典型案例 · how demands were solved, told with consent"},
    {
        "name": "questions",
        "description": "政府战略需求 · what a government body asks, experts' opinions, the report",
    },
    {"name": "notices", "description": "通知 · what has happened to records that concern one"},
    {"name": "webhooks", "description": "事件推送 · changes sent to other systems, signed"},
    {"name": "bulk", "description": "导入 · spreadsheets and JSON Lines"},
    {"name": "personal-data", "description": "个人信息 · export and erasure of what is held"},
    {"name": "audit", "description": "审计 · who did, read and was refused what; its seals"},
    {"name": "console", "description": "工作台 · the staff's queue, background jobs"},
    {"name": "health", "description": "运行状态 · liveness and readiness"},
]


def install(app: FastAPI) -> None:
    """Serve one document, made and written down at the first request for it.

    FastAPI's own route writes it down anew for whoever asks, which takes 15 times as long, and
    counts nobody.
    """

    def document() -> Schema:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    @cache
    def written() -> tuple[bytes, str]:
        body = bytes(JSONResponse(document()).body)
        return body, f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'

    async def read_document(request: Request) -> Response:
        body, tag = written()
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if is_known(request.headers.get("if-none-match"), tag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    path = str(app.openapi_url)
    app.openapi = document  # type: ignore[method-assign]
    app.router.routes = [r for r in app.router.routes if getattr(r, "path", None) != path]
    route = ConventionalRoute(path, read_document, methods=["GET"], include_in_schema=False)
    app.router.routes.append(route)


def _document(app: FastAPI) -> Schema:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        webhooks=app.webhooks.routes,
        tags=TAGS,
    )
    schemas: Schema = document["components"]["schemas"]
    schemas |= models_json_schema(
        [(ProblemBody, "serialization")], ref_template="#/components/schemas/{model}"
    )[1]["$defs"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    name_schemas(document)
    schemas = document["components"]["schemas"]
    document["components"] |= {"parameters": PARAMETERS, "headers": HEADERS}
    routes = _conventional_routes(app)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["summary"] = summary_of(operation)
            say_null(operation)
            if method == "patch":
                forget_defaults(operation, schemas)
            if route := routes.get((method, path)):
                _add_parameters(operation, method, route, schemas)
                _add_headers(operation, route, schemas)
            _add_examples(operation, schemas)
            _add_dry_run(operation, schemas)
    _mend_webhooks(document, schemas)
    share_problems(document)
    return document


def _mend_webhooks(document: Schema, schemas: Schema) -> None:
    """A receiver's own problems are not ours to describe."""
    for operations in document["webhooks"].values():
        for operation in operations.values():
            operation["summary"] = summary_of(operation)
            del operation["responses"]["422"]
            _add_examples(operation, schemas)


def _conventional_routes(app: FastAPI) -> dict[tuple[str, str], ConventionalRoute]:
    return {
        (method.lower(), str(context.path_format)): context.original_route
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if isinstance(context.original_route, ConventionalRoute)
    }


def _add_parameters(
    operation: Schema, method: str, route: ConventionalRoute, schemas: Schema
) -> None:
    """Name the request's fields that all routes share, where they apply."""
    wanted = []
    if method in ("put", "patch", "delete"):
        wanted.append("IfMatch")
    if method == "post" and route.keeps_answers:
        wanted.append("IdempotencyKey")
    if method == "get" and any(_is_versioned(r, schemas) for r in _good(operation)):
        wanted.append("IfNoneMatch")
        operation["responses"]["304"] = {"description": "未变 · Not modified"}
    found = operation.setdefault("parameters", [])
    for parameter in found:
        if route.deprecation and parameter["name"] == route.deprecation.parameter:
            parameter["deprecated"] = True
    found += [{"$ref": f"#/components/parameters/{name}"} for name in wanted]


def _add_headers(operation: Schema, route: ConventionalRoute, schemas: Schema) -> None:
    """Name the answers' fields that all routes share."""
    for status, answer in operation["responses"].items():
        names = [*ALWAYS, *(route.deprecation.headers if route.deprecation else ())]
        if status in RETRIED:
            names.append("Retry-After")
        if status == "304" or (status.startswith("2") and _is_versioned(answer, schemas)):
            names.append("ETag")
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        operation["responses"][status] = {**answer, "headers": headers}


def _add_dry_run(operation: Schema, schemas: Schema) -> None:
    """What may only be tried is answered by 200, too, without the fields of a stored record."""
    made = operation["responses"].get("201", {})
    if _shows("is_dry_run", made, schemas):
        media = made["content"]["application/json"]
        tried = media | {"example": media["example"] | {"is_dry_run": True}}
        operation["responses"]["200"] = {
            "description": "试运行，不保存 · Only tried, nothing is stored",
            "content": {"application/json": tried},
            "headers": {name: made["headers"][name] for name in made["headers"] if name != "ETag"},
        }


def _good(operation: Schema) -> list[Schema]:
    return [answer for code, answer in operation["responses"].items() if code.startswith("2")]


def _is_versioned(answer: Schema, schemas: Schema) -> bool:
    return _shows("version", answer, schemas)


def _shows(field: str, answer: Schema, schemas: Schema) -> bool:
    content = answer.get("content", {}).get("application/json", {}).get("schema", {})
    shown = schemas.get(content.get("$ref", "").rpartition("/")[2], {})
    return field in shown.get("properties", {})


def _add_examples(operation: Schema, schemas: Schema) -> None:
    """Give the request body and the good answer an example made of their fields' examples."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        whole = media.get("example", example_of(media["schema"], schemas))
        media["example"] = _sendable(whole, media["schema"], schemas)
    for answer in _good(operation):
        for media in answer.get("content", {}).values():
            if "schema" in media and "example" not in media:
                media["example"] = example_of(media["schema"], schemas)


def _sendable(example: Any, schema: Schema, schemas: Schema) -> Any:
    """The example without the optional fields that name a record: nobody has that record."""
    schema = schema.get("anyOf", [schema])[0]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if not isinstance(example, dict) or "properties" not in schema:
        return example
    return {
        name: _sendable(value, schema["properties"][name], schemas)
        for name, value in example.items()
        if name in schema.get("required", ()) or EXAMPLES_BY_SHAPE["uuid"] not in str(value)
    }


def example_of(schema: Schema, schemas: Schema, name: str = "") -> Any:
    """A value that fits the schema of a property `name`.

    Its own example, one of the fields of that name, or one put together from its parts.
    """
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("example", "const", "default"):
        if schema.get(key) not in (None, "", []):  # empty says nothing, and may not even fit
            return schema[key]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, name)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example_of(schema[key][0], schemas, name)
    if "properties" in schema:
        parts = schema["properties"].items()
        return {part: example_of(inner, schemas, part) for part, inner in parts}
    return _plain_example(schema, schemas, name)


def _plain_example(schema: Schema, schemas: Schema, name: str) -> Any:
    """An example of a list or of a value without parts."""
    kind: str = schema.get("type", "null")
    holds_records = "$ref" in schema.get("items", {})
    if name in EXAMPLES_BY_NAME and not holds_records:
        return EXAMPLES_BY_NAME[name]
    if kind == "array":
        inner: Schema = schema.get("items", {})
        kinds: list[Schema] = inner.get("oneOf", [inner] if inner else [])
        return [example_of(kind, schemas, name) for kind in kinds]
    shape: str = schema.get("format", kind)
    return EXAMPLES_BY_SHAPE.get(shape, EXAMPLES_BY_SHAPE.get(kind))
