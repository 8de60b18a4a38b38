"""The OpenAPI document: FastAPI's, with an example for every operation."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.interface.errors import ProblemBody
from app.interface.examples import EXAMPLES_BY_NAME, EXAMPLES_BY_SHAPE

Schema = dict[str, Any]

DESCRIPTION = """
**双库**：院士专家智库 × 企业技术需求库。企业发布技术需求，协调员审核公开，
系统给出排序的专家、证据与可加总的解释。

Two pools, experts and enterprises' technical demands. Sign in with `POST /api/v1/auth:sign-in`
and send `Authorization: Bearer <access_token>`. Errors are `application/problem+json`
(RFC 9457) in the language of `Accept-Language` (zh-CN by default, or en); `code` is the contract.
Lists are pages: `limit`, `cursor`, `sort`, `count=exact`.
"""

TAGS = [
    {"name": "reference", "description": "标准代码 · regions, industries, disciplines, fields"},
    {"name": "accounts", "description": "账号 · sign-in, accounts, API keys"},
    {"name": "organizations", "description": "机构 · enterprises, universities, memberships"},
    {"name": "experts", "description": "专家库 · experts and their evidence"},
    {"name": "achievements", "description": "成果库 · results open to transfer"},
    {"name": "demands", "description": "企业技术需求库 · enterprises' technical demands"},
    {"name": "matches", "description": "匹配 · ranked, explained candidates and verdicts"},
    {"name": "bulk", "description": "导入 · spreadsheets and JSON Lines"},
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
    for path in document["paths"].values():
        for operation in path.values():
            _add_examples(operation, schemas)
    return document


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
