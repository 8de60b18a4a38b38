"""`/docs` and `/redoc`: the OpenAPI document for people, without asking any other host."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

STATIC = "/static-offline-docs"  # where fastapi-offline serves the two programs from
# The browser itself keeps the pages at home, whatever the programs would fetch.
POLICY = (
    "default-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# ReDoc's own badge is a picture from elsewhere.
WITHOUT_BADGE = '<style>a[href*="redocly.com"] { display: none !important; }</style></head>'


@router.get("/docs")
async def show_swagger_ui(request: Request) -> HTMLResponse:
    """The document as forms that send requests."""
    page = get_swagger_ui_html(
        **_addresses(request),
        swagger_js_url=_path(request, f"{STATIC}/swagger-ui-bundle.js"),
        swagger_css_url=_path(request, f"{STATIC}/swagger-ui.css"),
        swagger_favicon_url=_path(request, f"{STATIC}/favicon.png"),
        swagger_ui_parameters={"validatorUrl": None},
    )
    return _guarded(bytes(page.body).decode())


@router.get("/redoc")
async def show_redoc(request: Request) -> HTMLResponse:
    """The document to read."""
    page = get_redoc_html(
        **_addresses(request),
        redoc_js_url=_path(request, f"{STATIC}/redoc.standalone.js"),
        redoc_favicon_url=_path(request, f"{STATIC}/favicon.png"),
        with_google_fonts=False,
    )
    return _guarded(bytes(page.body).decode().replace("</head>", WITHOUT_BADGE))


def _addresses(request: Request) -> dict[str, Any]:
    return {
        "title": request.app.title,
        "openapi_url": _path(request, request.app.openapi_url),
    }


def _path(request: Request, path: str) -> str:
    """Below the prefix that a proxy strips, if there is one."""
    return f"{request.scope.get('root_path', '')}{path}"


def _guarded(page: str) -> HTMLResponse:
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})
