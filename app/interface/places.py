"""How many requests send, and how many work, at a time in a process; more wait.

Those that wait for what others have locked would else have the connections of everybody: one
caller's or, since an account is free, those of several. Only what writes waits for locks.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from weakref import WeakValueDictionary

from app.interface.errors import Unavailable

WAIT_SECONDS = 10.0  # as long as for a connection


class Places:
    """Of the connections that a process may have, two in five for a caller, three for writers."""

    def __init__(self, connections: int, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.of_caller = max(1, connections * 2 // 5)
        self.of_writers = max(1, connections * 3 // 5)
        self._wait_seconds = wait_seconds
        self._asked_for: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def to_send(self, sender: Hashable | None) -> AsyncIterator[None]:
        """For the whole of a request, whose body has to be held; it may come slowly."""
        async with self._of("sender", sender):
            yield

    @asynccontextmanager
    async def to_work(self, caller: Hashable | None, *, is_writing: bool) -> AsyncIterator[None]:
        """For as long as a request has a connection, after its body has come.

        Raises Unavailable where the writers' turn takes too long.
        """
        async with self._of("caller", caller):
            if not is_writing:
                yield
                return
            writers = self._places("writers", self.of_writers)
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await writers.acquire()
            except TimeoutError:
                raise Unavailable() from None
            try:
                yield
            finally:
                writers.release()

    def _of(self, kind: str, whose: Hashable | None) -> AbstractAsyncContextManager[None]:
        """One of the places of somebody; nobody in particular needs none."""
        return nullcontext() if whose is None else self._places((kind, whose), self.of_caller)

    def _places(self, key: Hashable, count: int) -> asyncio.Semaphore:
        """Forgotten as soon as nobody has or waits for one."""
        places = self._asked_for.get(key)
        if places is None:
            places = self._asked_for[key] = asyncio.Semaphore(count)
        return places
