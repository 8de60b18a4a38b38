"""POST to an address that somebody has entered: only where it may go, in bounded time and size.

The host is resolved once; each of its addresses has to be one that the service may go to, and the
connection goes to one of just these, so that a name cannot lead elsewhere between look and leap.
TLS verifies the name, and no redirect is followed.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpcore

from app.outgoing.addresses import Address, Allowed, Target
from app.trust import trusted

READ_BYTES = 2_000  # of an answer; the rest is not waited for
SHOWN = 500

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it: a status, or the error that came in its place."""

    status_code: int | None = None
    error: str = ""
    excerpt: str = ""

    @property
    def is_good(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


class NotPublic(Exception):
    """The host has an address that the service does not go to."""


async def resolved(host: str, port: int) -> Sequence[Address]:
    """The host's addresses by this machine's resolver, each once. Raises OSError, UnicodeError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(text) for text in dict.fromkeys(str(item[4][0]) for item in found)]


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to a host's addresses once all of them were looked at, and to nothing else."""

    def __init__(self, allowed: Allowed, resolve: Resolve) -> None:
        self._allowed, self._resolve = allowed, resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the library's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not addresses or not all(self._allowed.permits(host, a) for a in addresses):
            raise NotPublic
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(str(address), port, timeout=timeout)
            except httpcore.ConnectError:
                continue
        return await self._network.connect_tcp(str(addresses[-1]), port, timeout=timeout)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


async def post(
    target: Target,
    content: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Allowed,
    seconds: float,
    resolve: Resolve = resolved,
) -> Answer:
    """The answer, or why there was none; seconds: for all of it, however slowly it drips."""
    try:
        async with asyncio.timeout(seconds):
            return await _posted(target, content, headers, CheckedBackend(allowed, resolve))
    except TimeoutError:
        return Answer(error="timeout")
    except NotPublic:
        return Answer(error="address")
    except (OSError, UnicodeError) as error:  # the latter: a part of the name is empty or too long
        return Answer(error="tls" if _is_of_tls(error) else "name")
    except httpcore.ConnectError as error:
        return Answer(error="tls" if _is_of_tls(error) else "connection")
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        return Answer(error="broken")


def _is_of_tls(error: BaseException | None) -> bool:
    """Whether TLS is what went wrong at first; the libraries wrap each other's errors."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _posted(
    target: Target, content: bytes, headers: Mapping[str, str], backend: CheckedBackend
) -> Answer:
    """A connection of its own: only so can the whole be given up in time."""
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    sent = {"Host": target.authority, "Content-Length": str(len(content)), **headers}
    body = bytearray()
    async with (
        httpcore.AsyncConnectionPool(
            ssl_context=trusted(), network_backend=backend, max_keepalive_connections=0
        ) as pool,
        pool.stream("POST", url, headers=list(sent.items()), content=content) as response,
    ):
        async for part in response.aiter_stream():
            body += part
            if len(body) > READ_BYTES:
                break
        return Answer(status_code=response.status, excerpt=_excerpt(bytes(body)))


def _excerpt(body: bytes) -> str:
    """The beginning, as far as it is text that can be stored."""
    text = body.decode(errors="replace")
    return "".join(c for c in text if c.isprintable() or c in "\n\t")[:SHOWN]
