"""Another's endpoint that answers JSON with JSON: in bounded time, again where that helps."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf
from time import monotonic
from typing import Any

import httpx

from app.clock import now
from app.metrics.instruments import instruments
from app.trust import trusted

MAX_ANSWER_BYTES = 64 << 20
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds until it is asked again; each wait is twice the last
TOO_MANY, FIRST_SERVER_ERROR = 429, 500
# What an endpoint fails with: it is away, says no, or answers what is no answer.
FAILURES = (
    *(httpx.HTTPError, TimeoutError),
    *(ArithmeticError, ValueError, LookupError, TypeError, RecursionError),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`seconds` are for a whole answer, however slowly its bytes drip; `service` is for metrics."""

    service: str
    url: str
    api_key: str
    seconds: float

    async def ask(self, question: dict[str, Any], *, attempts: int, until: float) -> Any:
        """The answer to one POST; until: on the clock of `monotonic`, all attempts included.

        One that was refused for a while (429), failed (5xx) or broke off is made again, after as
        long as Retry-After says and a doubling wait, if there is time. What does not answer in time
        is not asked again. Raises one of FAILURES.
        """
        made = 0
        while True:
            made += 1
            try:
                answer = await self._counted(question, min(self.seconds, until - monotonic()))
            except httpx.HTTPError as error:
                wait = _wait(error, made)
                if wait is None or made == attempts or monotonic() + wait >= until:
                    raise
                await asyncio.sleep(wait)
            else:
                return answer

    async def _counted(self, question: dict[str, Any], seconds: float) -> Any:
        outcome = "failed"
        try:
            answer = await self._answer(question, seconds)
            outcome = "answered"
            return answer
        finally:
            instruments().endpoint_requests.labels(self.service, outcome).inc()

    async def _answer(self, question: dict[str, Any], seconds: float) -> Any:
        """A connection of its own: only so can the whole be given up in time."""
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        content = bytearray()
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(verify=trusted(), timeout=seconds, headers=headers) as client,
            client.stream("POST", self.url, json=question) as response,
        ):
            response.raise_for_status()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise ValueError(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
        return json.loads(content)


@dataclass(eq=False)
class Silence:
    """While it lasts, who failed is not asked again by matches; jobs do ask."""

    _ends_at: float = field(default=-inf, init=False)

    def begin(self, seconds: float) -> None:
        self._ends_at = monotonic() + seconds

    @property
    def lasts(self) -> bool:
        return monotonic() < self._ends_at


def _wait(error: httpx.HTTPError, made: int) -> float | None:
    """How many seconds to leave it in peace; None where to ask again would not help."""
    backoff: float = min(FIRST_WAIT * 2 ** (made - 1), LONGEST_WAIT)
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        is_passing = status == TOO_MANY or status >= FIRST_SERVER_ERROR
        return max(backoff, _retry_after(error.response)) if is_passing else None
    is_late = isinstance(error, httpx.TimeoutException)
    return backoff if isinstance(error, httpx.TransportError) and not is_late else None


def _retry_after(response: httpx.Response) -> float:
    """What Retry-After says, in seconds or as a date; 0 where it says nothing that can be read."""
    said = response.headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now()).total_seconds())
