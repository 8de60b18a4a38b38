"""Every request is told of once, when it has ended: in the log and in the metrics.

Told are the route's template, never the path, and the record ids in it; of who asked, the account.
"""

import logging
import time
from collections.abc import Iterator
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import logs
from app.interface.routing import PREFIX, DomainRoute
from app.metrics.instruments import instruments

events = logs.events(__name__)

UNMATCHED = "unmatched"  # one name for all that is no route, or anybody could make names
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
WATCHED = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds by machines
CLIENT_GONE = 499  # nginx's number for it: the caller left before the answer began


class ObservationMiddleware:
    """Stands right inside the request's id, so that its time is the caller's."""

    def __init__(self, app: ASGIApp, *, logs_address: bool) -> None:
        self.app = app
        self.logs_address = logs_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began_at = CLIENT_GONE, time.perf_counter()

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting_send)
        finally:
            self._tell(scope, status, time.perf_counter() - began_at)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = template_of(scope.get("route"))
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        fields = dict(self._fields(scope))
        level = logging.DEBUG if route in WATCHED and status < 400 else logging.INFO
        measured = instruments()
        measured.requests.labels(route, method, status).inc()
        measured.request_seconds.labels(route, method).observe(seconds)
        events.log(
            logging.WARNING if status >= 500 else level,
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
            **fields,
        )

    def _fields(self, scope: Scope) -> Iterator[tuple[str, object]]:
        """Who asked, and about which records."""
        if principal := scope.get("state", {}).get("principal"):
            yield "account_id", principal
        for name, value in scope.get("path_params", {}).items():
            if isinstance(value, UUID):
                yield name, value
        if self.logs_address and scope.get("client"):
            yield "client_address", scope["client"][0]


def template_of(route: object) -> str:
    """The route's path with its parameters' names in place of their values."""
    path: str = getattr(route, "path_format", UNMATCHED)
    return PREFIX + path if isinstance(route, DomainRoute) else path
