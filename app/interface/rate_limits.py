"""No caller takes more than a share: counters that all processes on one database agree on.

A process takes requests from the shared counter in blocks and hands them out by itself, so that
most requests ask nobody. What guards secrets asks every time.
"""

import asyncio
import hashlib
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from cachetools import LRUCache
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database import AWAY, open_engine
from app.interface import counters
from app.interface.counters import Charged
from app.interface.errors import RateLimited, Unavailable
from app.interface.policies import Policy, RateClass, policies_of
from app.settings import Settings

logger = logging.getLogger(__name__)

LEASES = 20_000
CONNECTIONS = 2
LONGEST_SECONDS = 2.0  # for one look at a counter
ALONE_SECONDS = 5.0  # that a process counts for itself when the database has not answered
TOLD_SECONDS = 60.0  # how often the audit log hears of a caller who is turned away
FAMILIAR_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a caller stands with one policy after a request."""

    policy: Policy
    remaining: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers, as structured lists of strings."""
        policy = self.policy
        return {
            "RateLimit-Policy": f'"{policy.name}";q={policy.quota};w={policy.window}',
            "RateLimit": f'"{policy.name}";r={self.remaining};t={self.seconds}',
        }


@dataclass(slots=True, kw_only=True)
class Lease:
    """What one process may still hand out of one counter; moments are of the monotonic clock."""

    left: int
    unpaid: int  # handed out here and not charged to the shared counter
    ends_at: float
    full_at: float = 0.0
    shut_until: float = 0.0
    told_at: float = -math.inf
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Limiter:
    """Counts requests; alone in its process until `sharing` a database."""

    def __init__(self, settings: Settings) -> None:
        self.policies = policies_of(settings.rate_limits)
        self._settings = settings
        self._key = hashlib.sha256(settings.secret_key.get_secret_value().encode()).digest()
        self._leases: LRUCache[bytes, Lease] = LRUCache(LEASES)
        self._engine: AsyncEngine | None = None
        self._away_until = 0.0

    @asynccontextmanager
    async def sharing(self, url: URL) -> AsyncIterator[None]:
        """Count together with every process on this database, as long as the block lasts.

        On connections of its own: no request that holds one waits here for another.
        """
        async with open_engine(url, self._settings, size=CONNECTIONS) as engine:
            self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
            self._leases.clear()
            self._away_until = 0.0
            try:
                yield
            finally:
                self._engine = None

    async def take(self, name: RateClass, subject: str, count: int = 1) -> Standing | None:
        """Count requests of the subject, all or none; None where the class has no limit.

        What costs more than the quota takes all that one request leaves of it, or it would never
        pass. Raises RateLimited when too few are left, and Unavailable when what counts exactly
        cannot be counted. Other classes go on with blocks of this process alone.
        """
        policy = self.policies.get(name)
        if policy is None:
            return None
        count = max(1, min(count, policy.quota - 1))
        key = self._subject(name, subject)
        lease = self._lease(key, policy)
        while lease.left < count and lease.shut_until <= monotonic():
            async with lease.lock:
                if lease.left < count and lease.shut_until <= monotonic():
                    await self._renew(lease, key, policy, count)
        if lease.left < count:
            raise _refusal(policy, lease, count)
        lease.left -= count
        return _standing(lease, policy)

    async def take_by_email(self, name: RateClass, email: str, address: str) -> None:
        """Count one attempt on the account of an e-mail address, whether there is one or not.

        From an address that the owner has come from, attempts have a quota of their own: strangers
        who use up the common one do not shut the owner out.
        """
        if RateClass.EMAIL in self.policies:
            await self.take(RateClass.EMAIL, await self._attempts(name, email, address))

    async def note_success(self, name: RateClass, email: str, address: str) -> None:
        """The attempt was the owner's: it costs nothing, and the address is familiar from now."""
        policy = self.policies.get(RateClass.EMAIL)
        if policy is None:
            return
        counted = self._subject(policy.name, await self._attempts(name, email, address))
        async with self._connection() as connection:
            await counters.give_back(connection, counted, policy)
            familiar = self._familiar(email, address)
            await counters.remember(connection, familiar, seconds=FAMILIAR_SECONDS)

    async def _attempts(self, name: RateClass, email: str, address: str) -> str:
        async with self._connection() as connection:
            is_familiar = await counters.is_remembered(connection, self._familiar(email, address))
        return f"{name} {email} {address if is_familiar else ''}"

    def _familiar(self, email: str, address: str) -> bytes:
        return self._subject("familiar", f"{email} {address}")

    def _subject(self, policy: str, subject: str) -> bytes:
        """Neither e-mail nor address can be read from a counter, nor guessed without the key."""
        text = f"{policy} {subject}".encode()
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()

    def _lease(self, key: bytes, policy: Policy) -> Lease:
        lease = self._leases.get(key)
        if lease is None or lease.ends_at < monotonic():
            free = policy.unasked
            lease = Lease(left=free, unpaid=free, ends_at=monotonic() + policy.window)
            self._leases[key] = lease
        return lease

    async def _renew(self, lease: Lease, key: bytes, policy: Policy, count: int) -> None:
        """Take the next block from the shared counter, or more where that does not do."""
        block = max(policy.block, count - lease.left)
        try:
            charged = await self._charge(key, policy, lease.unpaid + block)
        except Unavailable:
            if policy.is_exact:
                raise
            lease.left, lease.ends_at = lease.left + block, monotonic() + ALONE_SECONDS
            lease.unpaid += block
            return
        lease.left, lease.unpaid = max(0, lease.left + charged.requests - lease.unpaid), 0
        lease.full_at = monotonic() + charged.full_in
        lease.ends_at = monotonic() + policy.window
        if lease.left < count:
            until_next = charged.full_in - (policy.quota - 1) * policy.step
            lease.shut_until = monotonic() + max(until_next, 0.01)

    async def _charge(self, key: bytes, policy: Policy, wanted: int) -> Charged:
        if not policy.is_exact and monotonic() < self._away_until:
            raise Unavailable()
        async with self._connection() as connection:
            return await counters.take(connection, key, policy, wanted=wanted)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection, for one short look; Unavailable when the database does not answer."""
        if self._engine is None:
            raise Unavailable()
        try:
            async with asyncio.timeout(LONGEST_SECONDS), self._engine.connect() as connection:
                yield connection
        except AWAY as error:
            self._away_until = monotonic() + ALONE_SECONDS
            logger.warning("rate limits without their database: %s", type(error).__name__)
            raise Unavailable() from error


def _refusal(policy: Policy, lease: Lease, count: int = 1) -> RateLimited:
    further = (count - lease.left - 1) * policy.step  # after the first that is there again
    seconds = max(1, math.ceil(lease.shut_until - monotonic() + further))
    is_repeated = monotonic() < lease.told_at + TOLD_SECONDS
    if not is_repeated:
        lease.told_at = monotonic()
    headers = Standing(policy=policy, remaining=lease.left, seconds=seconds).headers
    return RateLimited(seconds, headers, is_repeated=is_repeated)


def _standing(lease: Lease, policy: Policy) -> Standing:
    """As far as this process knows; others may have used more since it last asked."""
    used = max(0.0, lease.full_at - monotonic()) / policy.step
    remaining = max(0, math.floor(policy.quota - used + 0.001) + lease.left - lease.unpaid)
    seconds = math.ceil((policy.quota - remaining) * policy.step)
    return Standing(policy=policy, remaining=remaining, seconds=seconds)
