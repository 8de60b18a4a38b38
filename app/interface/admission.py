"""Who is counted against which limit.

The request itself before its route does anything; what only its values tell, the items of a batch
and whose account is tried, between the route's dependencies and its endpoint.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar
from uuid import UUID

from cachetools import TTLCache
from fastapi import Request

from app.interface.policies import GUARDING, PROVING, RateClass
from app.interface.rate_limits import Limiter

GUARD = "guard"
REMEMBERED = 20_000
REMEMBERED_SECONDS = 300
IPV6_HOST_BITS = 64
# A whole batch, 500, costs 50 writes of the 300 a minute: with one for each it would never pass.
ITEMS_A_WRITE = 10

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])
Values = Mapping[str, Any]  # what an endpoint is called with


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a route counts against.

    `email_of` finds whose account an attempt is on, `items_of` how many items a batch has.
    """

    rate_class: RateClass
    email_of: Callable[[Values], str] | None = None
    items_of: Callable[[Values], int] | None = None


def limited(
    rate_class: RateClass,
    *,
    email_of: Callable[[Values], str] | None = None,
    items_of: Callable[[Values], int] | None = None,
) -> Callable[[EndpointT], EndpointT]:
    """Mark an endpoint whose requests count otherwise than by their method, one by one."""

    def mark(endpoint: EndpointT) -> EndpointT:
        guard = Guard(rate_class=rate_class, email_of=email_of, items_of=items_of)
        setattr(endpoint, GUARD, guard)
        return endpoint

    return mark


def guard_of(endpoint: Callable[..., Any], methods: set[str]) -> Guard:
    by_method = RateClass.READS if methods <= {"GET"} else RateClass.WRITES
    guard: Guard = getattr(endpoint, GUARD, Guard(rate_class=by_method))
    return guard


class Callers:
    """Tells whom a request is counted against, without the database.

    That is the account, whatever its keys and tokens, so that nobody multiplies their share by
    making more of them; a credential that was not let in yet counts for its address.
    """

    def __init__(self, account_of_token: Callable[[str], UUID | None]) -> None:
        self._account_of_token = account_of_token
        self._known: TTLCache[bytes, UUID] = TTLCache(REMEMBERED, REMEMBERED_SECONDS)

    def subject_of(self, request: Request, rate_class: RateClass) -> str:
        account_id = None if rate_class in GUARDING else self.account_of(request)
        return str(account_id or address_of(request))

    def note(self, request: Request) -> None:
        """Remember whom the door let in with this credential."""
        principal: UUID | None = getattr(request.state, "principal", None)
        if principal is not None:
            self.remember(request, principal)

    def remember(self, request: Request, account_id: UUID) -> None:
        """The request's credential is this account's."""
        self._known[_digest(secret_of(request))] = account_id

    def forget(self, request: Request) -> None:
        """The door turned this credential away."""
        self._known.pop(_digest(secret_of(request)), None)

    def account_of(self, request: Request) -> UUID | None:
        """Whose the credential is: a token says so, of a key it has to be remembered."""
        secret = secret_of(request)
        return self._known.get(_digest(secret)) or self._account_of_token(secret)

    def sender_of(self, request: Request) -> str | None:
        """Whose body this is: a key's apart from its owner's, as somebody else may have the key."""
        secret = secret_of(request)
        if owner_id := self._account_of_token(secret):
            return f"owner {owner_id}"
        return f"key {self.account_of(request) or _digest(secret).hex()}" if secret else None


def address_of(request: Request) -> str:
    """The caller's address, or the network of an IPv6 host, which has 2**64 addresses."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS)}/{IPV6_HOST_BITS}"


async def count_request(request: Request, guard: Guard, count: int = 1) -> dict[str, str]:
    """Count the request; the fields that tell its caller how they stand.

    Raises RateLimited.
    """
    limiter, callers = _limiter_of(request), _callers_of(request)
    subject = callers.subject_of(request, guard.rate_class)
    standing = await limiter.take(guard.rate_class, subject, count)
    return {} if standing is None else standing.headers


async def count_items(request: Request, guard: Guard, values: Values) -> dict[str, str]:
    """Count what a batch's items cost beyond the request itself; see `count_request`."""
    further = 0 if guard.items_of is None else (guard.items_of(values) - 1) // ITEMS_A_WRITE
    return await count_request(request, guard, further) if further else {}


async def count_attempt(request: Request, guard: Guard, values: Values) -> None:
    """Count an attempt on somebody's account. Raises RateLimited."""
    if guard.email_of is not None:
        limiter, address = _limiter_of(request), address_of(request)
        await limiter.take_by_email(guard.rate_class, guard.email_of(values), address)


async def note_success(request: Request, guard: Guard, values: Values) -> None:
    """The attempt succeeded; where that takes the account's secret, it was the owner's."""
    if guard.email_of is not None and guard.rate_class in PROVING:
        limiter, address = _limiter_of(request), address_of(request)
        await limiter.note_success(guard.rate_class, guard.email_of(values), address)


def _limiter_of(request: Request) -> Limiter:
    limiter: Limiter = request.app.state.limiter
    return limiter


def _callers_of(request: Request) -> Callers:
    callers: Callers = request.app.state.callers
    return callers


def secret_of(request: Request) -> str:
    """The credential however its scheme is spelt, or every spelling would have its own quota."""
    return request.headers.get("authorization", "").partition(" ")[2].strip()


def _digest(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=16).digest()
