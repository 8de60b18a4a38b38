"""Of one account's requests a few run at a time in a process; more wait, and hold no connection.

Those that wait for what others have locked would else have the connections of everybody.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

PLACES = 8  # of the twenty connections that a process has at most by default


class Places:
    """Each account's; those of an account that asks for nothing are forgotten."""

    def __init__(self) -> None:
        self._of_accounts: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one_of(self, account_id: UUID | None) -> AsyncIterator[None]:
        """Have a place for as long as the block; nobody in particular needs none."""
        if account_id is None:
            yield
            return
        places = self._of_accounts.get(account_id)
        if places is None:
            places = self._of_accounts[account_id] = asyncio.Semaphore(PLACES)
        async with places:
            yield
