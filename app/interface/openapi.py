"""The OpenAPI document: FastAPI's, with an example for every operation."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic.json_schema import models_json_schema

from app.interface import idempotency
from app.interface.errors import ProblemBody
from app.interface.examples import EXAMPLES_BY_NAME, EXAMPLES_BY_SHAPE

Schema = dict[str, Any]

DESCRIPTION = """
**双库**：院士专家智库 × 企业技术需求库。企业发布技术需求，协调员审核公开，
系统给出排序的专家、证据与可加总的解释。

Two pools, experts and enterprises' technical demands. Sign in with `POST /api/v1/auth:sign-in`
and send `Authorization: Bearer <access_token>`. Errors are `application/problem+json`
(RFC 9457) in the language of `Accept-Language` (zh-CN by default, or en); `code` is the contract.
Lists are pages: `limit`, `cursor`, `sort`, `count=exact`. A record's answer has an `ETag`; `PUT`,
`PATCH` and `DELETE` need it in `If-Match`. A `POST` with an `Idempotency-Key` that comes twice
within 24 hours is done once and answered twice.
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
ENTITY_TAG: Schema = {
    "description": "版本与内容的标识 · names the version and this representation of it",
    "schema": {"type": "string"},
}

TAGS = [
    {"name": "reference", "description": "标准代码 · regions, industries, disciplines, fields"},
    {"name": "accounts", "description": "账号 · sign-in, accounts, API keys"},
    {"name": "organizations", "description": "机构 · enterprises, universities, memberships"},
    {"name": "experts", "description": "专家库 · experts and their evidence"},
    {"name": "achievements", "description": "成果库 · results open to transfer"},
    {"name": "demands", "description": "企业技术需求库 · enterprises' technical demands"},
    {"name": "matches", "description": "匹配 · ranked, explained candidates and verdicts"},
    {"name": "bulk", "description": "导入 · spreadsheets and JSON Lines"},
    {"name": "audit", "description": "审计 · who did, read and was refused what; its seals"},
    {"name": "console", "description": "工作台 · the staff's queue, background jobs"},
    {"name": "health", "description": "运行状态 · liveness and readiness"},
]


def install(app: FastAPI) -> None:
    """Serve one document, made at the first request for it."""

    def document() -> Schema:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> Schema:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
    )
    schemas: Schema = document["components"]["schemas"]
    schemas |= models_json_schema(
        [(ProblemBody, "serialization")], ref_template="#/components/schemas/{model}"
    )[1]["$defs"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["parameters"] = PARAMETERS
    keeping = _routes_that_keep_answers(app)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _add_headers(operation, method, schemas, keeps_answers=(method, path) in keeping)
            _add_examples(operation, schemas)
    return document


def _routes_that_keep_answers(app: FastAPI) -> set[tuple[str, str]]:
    return {
        (method.lower(), str(context.path_format))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if getattr(context.original_route, "keeps_answers", False)
    }


def _add_headers(operation: Schema, method: str, schemas: Schema, *, keeps_answers: bool) -> None:
    """Name the headers that all routes share, where they apply."""
    wanted = []
    if method in ("put", "patch", "delete"):
        wanted.append("IfMatch")
    if method == "post" and keeps_answers:
        wanted.append("IdempotencyKey")
    for answer in (r for code, r in operation["responses"].items() if code.startswith("2")):
        if _is_versioned(answer, schemas):
            answer["headers"] = {"ETag": ENTITY_TAG}
            if method == "get":
                wanted.append("IfNoneMatch")
                operation["responses"]["304"] = {"description": "未变 · Not modified"}
                break
    found = operation.setdefault("parameters", [])
    found += [{"$ref": f"#/components/parameters/{name}"} for name in wanted]


def _is_versioned(answer: Schema, schemas: Schema) -> bool:
    content = answer.get("content", {}).get("application/json", {}).get("schema", {})
    shown = schemas.get(content.get("$ref", "").rpartition("/")[2], {})
    return "version" in shown.get("properties", {})


def _add_examples(operation: Schema, schemas: Schema) -> None:
    """Give the request body and the good answer an example made of their fields' examples."""
    bodies = [operation.get("requestBody", {})]
    bodies += [r for code, r in operation["responses"].items() if code.startswith("2")]
    for body in bodies:
        for media in body.get("content", {}).values():
            if "schema" in media and "example" not in media:
                media["example"] = example_of(media["schema"], schemas)


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
        return [example_of(schema["items"], schemas, name)] if "items" in schema else []
    shape: str = schema.get("format", kind)
    return EXAMPLES_BY_SHAPE.get(shape, EXAMPLES_BY_SHAPE.get(kind))
