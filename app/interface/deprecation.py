"""What will go away says so long before: RFC 9745 `Deprecation` and RFC 8594 `Sunset`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, TypeVar

MARK = "deprecation"

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """Since when an operation, or only one parameter of it, is not to be used any more.

    `link` leads to what stands in its place; `sunset_at` is when it may be gone.
    """

    deprecated_at: datetime
    link: str
    sunset_at: datetime | None = None
    parameter: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        found = {
            "Deprecation": f"@{int(self.deprecated_at.timestamp())}",
            "Link": f'<{self.link}>; rel="deprecation"; type="text/html"',
        }
        if self.sunset_at is not None:
            found["Sunset"] = format_datetime(self.sunset_at, usegmt=True)
        return found


def deprecated(deprecation: Deprecation) -> Callable[[EndpointT], EndpointT]:
    """Mark an endpoint; all its answers and the OpenAPI document say so."""

    def mark(endpoint: EndpointT) -> EndpointT:
        setattr(endpoint, MARK, deprecation)
        return endpoint

    return mark


def deprecation_of(endpoint: Callable[..., Any]) -> Deprecation | None:
    found: Deprecation | None = getattr(endpoint, MARK, None)
    return found
